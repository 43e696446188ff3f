import numpy as np
import pytest

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet


def test_a_set_is_read_as_it_was_written(tmp_path, glands):
    glands.save(tmp_path / "set.npz")
    read = ImageSet.load(tmp_path / "set.npz")
    assert np.array_equal(read.images, glands.images)
    assert np.array_equal(read.names, glands.names)


def test_the_same_set_is_the_same_bytes(tmp_path, digits):
    for name in "ab":
        digits.save(tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("keep", [0, 10, 1000, -100])
def test_a_truncated_file_is_an_error_that_says_what_to_do(tmp_path, digits, keep):
    path = tmp_path / "set.npz"
    digits.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="set.npz is not a readable image set"):
        ImageSet.load(path)


def test_pickled_content_is_refused(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="not a readable image set"):
        ImageSet.load(tmp_path / "set.npz")


def test_a_missing_file_says_which_stage_makes_it(tmp_path):
    with pytest.raises(DataError, match="dvc repro download"):
        ImageSet.load(tmp_path / "set.npz")
