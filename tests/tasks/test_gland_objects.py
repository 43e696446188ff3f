import numpy as np

from dl4ia.data.imageset import OUTSIDE
from dl4ia.metrics.objects import f1_score, object_dice
from dl4ia.tasks.gland_objects import SMALLEST, matched_objects, objects_of


def disks(*centres, radius=20, side=128):
    rows, columns = np.mgrid[:side, :side]
    inside = [np.hypot(rows - row, columns - column) < radius for row, column in centres]
    return np.any(inside, axis=0).astype(np.float32)


def areas(objects):
    return np.unique(objects[objects > 0], return_counts=True)[1]


def test_glands_apart_are_objects_at_the_resolution_of_the_image():
    objects = objects_of(disks((30, 30), (90, 90)), 256, 512, 4)
    assert objects.shape == (256, 512)
    np.testing.assert_allclose(areas(objects), np.pi * 20**2 * 8, rtol=0.03)


def test_touching_glands_are_separated_at_their_waist():
    objects = objects_of(disks((64, 40), (64, 76)), 128, 128, 4)
    assert len(areas(objects)) == 2
    assert objects[64, 30] != objects[64, 86]


def test_a_waist_that_is_not_deep_enough_separates_nothing():
    assert len(areas(objects_of(disks((64, 40), (64, 76)), 128, 128, 40))) == 1


def test_a_gland_that_is_narrower_than_any_waist_is_an_object():
    assert len(areas(objects_of(disks((64, 30), (64, 90), radius=13), 128, 128, 40))) == 2


def test_an_uneven_gland_stays_one():
    assert len(areas(objects_of(disks((64, 50), (64, 62)), 128, 128, 4))) == 1


def test_holes_are_filled_and_specks_dropped():
    gland = disks((64, 64))
    gland[60:68, 60:68] = 0
    gland[5:10, 5:10] = 1
    objects = objects_of(gland, 128, 128, 4)
    assert objects[64, 64] == objects[64, 80] > 0
    assert not objects[:20, :20].any()
    assert 25 < SMALLEST <= areas(objects).min()


def test_objects_of_smaller_images_are_compared_within_them():
    annotated = np.full((1, 200, 300), OUTSIDE, dtype=np.uint8)
    annotated[0, :128, :128] = disks((40, 40)) + 2 * disks((90, 90))
    objects = matched_objects(disks((40, 40), (90, 90))[None], annotated, 4)
    assert (f1_score(objects), object_dice(objects)) == (1, 1)
