import os

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


class Poison:
    """Creates a folder when it is read from a pickle."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_pickled_content_is_refused_unread(tmp_path, digits):
    digits.save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as saved:
        arrays = {name: saved[name] for name in saved.files}
    np.savez(tmp_path / "set.npz", **arrays | {"names": np.array([Poison(tmp_path / "read")], dtype=object)})
    with pytest.raises(DataError, match="not a readable image set"):
        ImageSet.load(tmp_path / "set.npz")
    assert not (tmp_path / "read").exists()


def test_a_missing_file_says_which_stage_makes_it(tmp_path):
    with pytest.raises(DataError, match="dvc repro split"):
        ImageSet.load(tmp_path / "set.npz")
