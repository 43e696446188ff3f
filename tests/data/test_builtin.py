import numpy as np
import pytest

from dl4ia.data import builtin


def test_digits_have_mnists_shape_type_and_number():
    digits = builtin.digits("test")
    assert digits.images.shape == (10_000, 1, 28, 28)
    assert digits.images.dtype == digits.targets.dtype == np.uint8
    assert set(digits.targets) == set(range(10))


def test_glands_have_the_real_sets_shapes_parts_and_patients(glands):
    assert glands.images.shape == (165, 2, 128, 128)
    assert glands.images.dtype == np.float32
    assert set(np.unique(glands.targets)) == {0, 1}
    assert [len(glands.part(part)) for part in ("train", "test_a", "test_b")] == [85, 60, 20]
    assert set(glands.groups) <= set(range(1, 17))


@pytest.mark.parametrize("part", ["train", "test_a"])
def test_glands_are_the_same_each_time_and_whichever_parts_are_asked_for(glands, part):
    assert np.array_equal(builtin.glands((part,)).images, glands.part(part).images)


def test_no_two_parts_share_an_image(glands):
    assert len({image.tobytes() for image in glands.images}) == len(glands)
