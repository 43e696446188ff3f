import numpy as np
import pytest

from dl4ia.tasks import TASKS
from dl4ia.tasks.synthetic_digits import digits as draw_digits


@pytest.mark.parametrize("name", TASKS)
def test_the_stand_in_has_the_shapes_and_classes_of_its_task(name, glands):
    task = TASKS[name]
    images = glands if name == "warwick" else task.stand_in(task.test_sets)
    shape = (task.signature.channels, task.signature.height, task.signature.width)
    assert images.suits(shape, task.signature.classes)
    assert set(np.unique(images.targets)) == set(range(task.signature.classes))
    assert images.targets.ndim == (3 if task.signature.dense else 1)
    assert len(task.classes) == task.signature.classes


def test_digits_have_mnists_type_and_number():
    images, labels = draw_digits("test")
    assert len(images) == len(labels) == 10_000
    assert images.dtype == labels.dtype == np.uint8


def test_glands_have_the_real_sets_parts_and_patients(glands):
    assert glands.images.dtype == np.float32
    assert [len(glands.part(part)) for part in ("train", "test_a", "test_b")] == [85, 60, 20]
    assert set(glands.groups) <= set(range(1, 17))


@pytest.mark.parametrize("part", ["train", "test_a"])
def test_glands_are_the_same_each_time_and_whichever_parts_are_asked_for(glands, part):
    assert np.array_equal(TASKS["warwick"].stand_in((part,)).images, glands.part(part).images)


def test_no_two_parts_share_an_image(glands):
    assert len({image.tobytes() for image in glands.images}) == len(glands)
