"""The measures of the gland segmentation contest: which objects are detected, their overlap and their shape.

Sirinukunwattana et al. (2017), "Gland segmentation in colon histology images: the GlaS challenge contest", Medical
Image Analysis 35, doi 10.1016/j.media.2016.08.008, section 3. Object masks are (height, width) of whole numbers: 0 is
the background, each other number an object. The objects of several images are one set, as in the paper: to score one
image, give its objects alone.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

OBJECT_COLUMNS = ["mask", "area", "dice", "hausdorff", "detected"]
ObjectMask = NDArray[np.integer]
_Box = tuple[slice, slice]
_Boxes = dict[int, _Box]


def match_objects(predicted: ObjectMask, annotated: ObjectMask) -> pd.DataFrame:
    """Return one row per object of either mask (`mask`: predicted or annotated) of one image, beside its counterpart.

    The counterpart is the object of the other mask that overlaps most. `area` is in pixels; `dice` is 0 without a
    counterpart. `hausdorff` is in pixels, without a counterpart to the nearest object, and the diagonal of the image if
    the other mask is empty. `detected`, true of predicted objects alone: the overlap is at least half of the annotated
    object.
    """
    boxes, other_boxes = _boxes(predicted), _boxes(annotated)
    overlaps = _overlaps(predicted, annotated)

    @cache  # most counterparts are each other's
    def distance(number: int, other: int) -> float:
        box = _joint(boxes[number], other_boxes[other])
        return _hausdorff(predicted[box] == number, annotated[box] == other)

    def swapped(number: int, other: int) -> float:
        return distance(other, number)

    default = float(np.hypot(*predicted.shape))
    rows = [("predicted", *row) for row in _beside_counterparts(boxes, other_boxes, overlaps, distance, default)]
    rows += [("annotated", *row) for row in _beside_counterparts(other_boxes, boxes, overlaps.T, swapped, default)]
    table = pd.DataFrame(rows, columns=["mask", "area", "overlap", "other_area", "hausdorff"])
    dice = 2 * table["overlap"] / (table["area"] + table["other_area"])
    half = (table["overlap"] > 0) & (2 * table["overlap"] >= table["other_area"])
    return table.assign(dice=dice, detected=half & (table["mask"] == "predicted"))[OBJECT_COLUMNS]


def object_scores(objects: pd.DataFrame) -> dict[str, float]:
    """Return all measures of a table of objects, by name."""
    return {
        "object_f1": f1_score(objects),
        "object_dice": object_dice(objects),
        "object_hausdorff": object_hausdorff(objects),
    }


def f1_score(objects: pd.DataFrame) -> float:
    """Return 2 TP / (2 TP + FP + FN) of the detection of objects; 1 if neither mask has any."""
    return float(2 * objects["detected"].sum() / len(objects)) if len(objects) else 1.0


def object_dice(objects: pd.DataFrame) -> float:
    """Return the object-level Dice coefficient, 0 to 1: means weighted by area, of predicted and annotated objects."""
    return _weighted(objects, "dice") if len(objects) else 1.0


def object_hausdorff(objects: pd.DataFrame) -> float:
    """Return the object-level Hausdorff distance in pixels; 0 if neither mask has an object."""
    return _weighted(objects, "hausdorff")


def _weighted(objects: pd.DataFrame, column: str) -> float:
    """Return half the sum of the means over predicted and over annotated objects, weighted by area."""
    means = [np.average(each[column], weights=each["area"]) for _, each in objects.groupby("mask")]
    return float(sum(means) / 2)


def _boxes(mask: ObjectMask) -> _Boxes:
    """Return where each object of a mask is, by its number."""
    return {number: box for number, box in enumerate(find_objects(mask), start=1) if box is not None}


def _overlaps(mask: ObjectMask, other: ObjectMask) -> NDArray[np.int64]:
    """Return in how many pixels each number of one mask meets each of the other; 0 is the background."""
    rows, columns = int(mask.max()) + 1, int(other.max()) + 1
    pairs = mask.ravel().astype(np.int64) * columns + other.ravel()
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def _beside_counterparts(
    boxes: _Boxes, others: _Boxes, overlaps: NDArray[np.int64], distance: Callable[[int, int], float], default: float
) -> Iterator[tuple[int, int, int, float]]:
    """Yield area, overlap, area of the counterpart, and the distance to it or to the nearest object, of each object."""
    areas, other_areas = overlaps.sum(axis=1), overlaps.sum(axis=0)
    for number, box in boxes.items():
        shared = overlaps[number, 1:]
        if shared.any():
            best = int(shared.argmax()) + 1
            yield int(areas[number]), int(overlaps[number, best]), int(other_areas[best]), distance(number, best)
        else:
            yield int(areas[number]), 0, 0, _nearest(number, box, others, distance, default)


def _nearest(number: int, box: _Box, others: _Boxes, distance: Callable[[int, int], float], default: float) -> float:
    """Return the smallest of the distances to all others, without computing those that cannot be."""
    nearest = math.inf
    for least, other in sorted((_at_least(box, each), other) for other, each in others.items()):
        if least >= nearest:
            break
        nearest = min(nearest, distance(number, other))
    return nearest if others else default


def _at_least(box: _Box, other: _Box) -> int:
    """Return a lower bound of the Hausdorff distance: an outermost pixel has no other pixel nearer than that side."""
    sides = zip(box, other, strict=True)
    return max(
        int(abs(edge)) for side, beside in sides for edge in (side.start - beside.start, side.stop - beside.stop)
    )


def _joint(box: _Box, other: _Box) -> _Box:
    rows, columns = (
        slice(min(side.start, beside.start), max(side.stop, beside.stop))
        for side, beside in zip(box, other, strict=True)
    )
    return rows, columns


def _hausdorff(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the largest distance from a pixel of either object to the nearest pixel of the other."""
    return float(max(distance_transform_edt(~second)[first].max(), distance_transform_edt(~first)[second].max()))
