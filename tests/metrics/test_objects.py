"""The contest's measures: cases worked out by hand, and random masks against definitions written out pixel by pixel."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import directed_hausdorff

from dl4ia.metrics.objects import f1_score, match_objects, object_dice, object_hausdorff


def mask(*rows):
    return np.array([[int(pixel) for pixel in row] for row in rows])


NOTHING = mask("00000000", "00000000", "00000000")
ONE = mask("11110000", "11110000", "00000000")


def test_equal_masks_are_perfect_whatever_their_objects_are_called():
    objects = match_objects(7 * ONE, ONE)
    assert (f1_score(objects), object_dice(objects), object_hausdorff(objects)) == (1, 1, 0)


def test_half_an_annotated_object_is_detected_and_less_is_not():
    half, less = mask("11000000", "11000000", "00000000"), mask("11000000", "10000000", "00000000")
    assert f1_score(match_objects(half, ONE)) == 1
    assert f1_score(match_objects(less, ONE)) == 0


def test_an_object_worked_out_by_hand():
    """4 of 8 pixels are predicted: Dice 2*4/(4+8); the columns 2 and 3 are missing, 1 and 2 pixels away."""
    objects = match_objects(mask("11000000", "11000000", "00000000"), ONE)
    assert object_dice(objects) == pytest.approx(8 / 12)
    assert object_hausdorff(objects) == 2


def test_two_objects_are_weighted_by_their_areas():
    """Annotated: 8 pixels, all predicted, and 2 pixels, not predicted: (1 + (8*1 + 2*0)/10) / 2; one of two detected.

    The missed object is 3 columns from the right of the predicted one, 7 from its left: Hausdorff distance 6.
    """
    annotated = ONE + 2 * mask("00000010", "00000010", "00000000")
    objects = match_objects(ONE, annotated)
    assert f1_score(objects) == pytest.approx(2 * 1 / (1 + 2))
    assert object_dice(objects) == pytest.approx((1 + 0.8) / 2)
    assert object_hausdorff(objects) == pytest.approx((0 + (8 * 0 + 2 * 6) / 10) / 2)


def test_one_predicted_object_over_two_glands_counts_as_one_detection():
    annotated = mask("11101110", "11101110", "00000000") * mask("11112222", "11112222", "11112222")
    objects = match_objects(mask("11111110", "11111110", "00000000"), annotated)
    assert f1_score(objects) == pytest.approx(2 * 1 / (1 + 2))
    assert object_dice(objects) == pytest.approx(2 * 6 / (14 + 6))


def test_masks_without_objects():
    nothing = match_objects(NOTHING, NOTHING)
    assert (f1_score(nothing), object_dice(nothing), object_hausdorff(nothing)) == (1, 1, 0)
    for missed in (match_objects(NOTHING, ONE), match_objects(ONE, NOTHING)):
        assert (f1_score(missed), object_dice(missed), object_hausdorff(missed)) == (0, 0, math.hypot(3, 8) / 2)


def test_objects_of_several_images_are_one_set():
    """8 perfect pixels and 4 of 8 in one set: predicted (8*1 + 4*2/3) / 12, annotated (8*1 + 8*2/3) / 16."""
    both = pd.concat([match_objects(ONE, ONE), match_objects(mask("11000000", "11000000", "00000000"), ONE)])
    assert object_dice(both) == pytest.approx(((8 + 4 * 2 / 3) / 12 + (8 + 8 * 2 / 3) / 16) / 2)


def random_objects(rng, side=12):
    objects = np.zeros((side, side), dtype=int)
    for number in range(1, int(rng.integers(1, 5)) + 1):
        top, left = rng.integers(0, side - 3, 2)
        height, width = rng.integers(2, 5, 2)
        objects[top : top + height, left : left + width] = number
    return objects


def by_definition(objects, others):
    """Weighted means of Dice and Hausdorff distance of one side, and how many of its objects cover half of theirs."""
    numbers, rivals = (sorted(set(each[each > 0])) for each in (objects, others))
    total, dice, distance, detected = (objects > 0).sum(), 0.0, 0.0, 0
    for number in numbers:
        ours = {tuple(pixel) for pixel in np.argwhere(objects == number)}
        theirs = {rival: {tuple(pixel) for pixel in np.argwhere(others == rival)} for rival in rivals}
        best = max(rivals, key=lambda rival: (len(ours & theirs[rival]), -rival))
        hits = len(ours & theirs[best])
        away = {
            rival: max(directed_hausdorff(list(ours), list(pixels))[0], directed_hausdorff(list(pixels), list(ours))[0])
            for rival, pixels in theirs.items()
        }
        weight = len(ours) / total
        dice += weight * 2 * hits / (len(ours) + len(theirs[best])) if hits else 0
        distance += weight * (away[best] if hits else min(away.values()))
        detected += hits > 0 and hits / len(theirs[best]) >= 0.5
    return dice, distance, detected, len(numbers)


@pytest.mark.parametrize("seed", range(20))
def test_random_masks_score_as_by_definition(seed):
    rng = np.random.default_rng(seed)
    predicted, annotated = random_objects(rng), random_objects(rng)
    objects = match_objects(predicted, annotated)
    dice, distance, detected, count = by_definition(predicted, annotated)
    dice_back, distance_back, _, count_back = by_definition(annotated, predicted)
    assert object_dice(objects) == pytest.approx((dice + dice_back) / 2)
    assert object_hausdorff(objects) == pytest.approx((distance + distance_back) / 2)
    assert f1_score(objects) == pytest.approx(2 * detected / (count + count_back))
