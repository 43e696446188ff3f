"""The measures of the gland segmentation contest: which objects are detected, their overlap and their shape.

Sirinukunwattana et al. (2017), "Gland segmentation in colon histology images: the GlaS challenge contest", Medical
Image Analysis 35, doi 10.1016/j.media.2016.08.008, section 3. Object masks are (height, width) of whole numbers: 0 is
the background, each other number an object. The objects of several images are one set, as in the paper: to score one
image, give its objects alone.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

OBJECT_COLUMNS = ["mask", "area", "dice", "hausdorff", "detected"]
ObjectMask = NDArray[np.integer]
_Box = tuple[slice, slice]


def match_objects(predicted: ObjectMask, annotated: ObjectMask) -> pd.DataFrame:
    """Return a row an object of either mask (`mask`: predicted or annotated) of one image, beside its counterpart.

    The counterpart is the object of the other mask that overlaps most. `area` is in pixels; `dice` is 0 without a
    counterpart. `hausdorff` is in pixels, without a counterpart to the nearest object, and the diagonal of the image if
    the other mask is empty. `detected`, true of predicted objects alone: the overlap is at least half of the annotated
    object.
    """
    rows = [
        (name, *_beside_counterpart(each, objects, others), name == "predicted")
        for name, objects, others in (("predicted", predicted, annotated), ("annotated", annotated, predicted))
        for each in _numbers(objects)
    ]
    table = pd.DataFrame(rows, columns=["mask", "area", "overlap", "other_area", "hausdorff", "is_predicted"])
    dice = 2 * table["overlap"] / (table["area"] + table["other_area"])
    detected = table["is_predicted"] & (table["overlap"] > 0) & (2 * table["overlap"] >= table["other_area"])
    return table.assign(dice=dice, detected=detected)[OBJECT_COLUMNS]


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


def _numbers(mask: ObjectMask) -> NDArray[np.integer]:
    """Return the numbers of the objects of a mask."""
    numbers = np.unique(mask)
    return numbers[numbers > 0]


def _beside_counterpart(number: int, objects: ObjectMask, others: ObjectMask) -> tuple[int, int, int, float]:
    """Return area, overlap, area of the counterpart, and the Hausdorff distance to it or to the nearest object."""
    pixels = objects == number
    below, counts = np.unique(others[pixels], return_counts=True)
    counts = np.where(below > 0, counts, 0)
    best = int(np.argmax(counts))
    if counts[best] > 0:
        counterpart = others == below[best]
        area, overlap = int(counterpart.sum()), int(counts[best])
        return int(pixels.sum()), overlap, area, _hausdorff(pixels, counterpart)
    distances = [_hausdorff(pixels, others == each) for each in _numbers(others)]
    return int(pixels.sum()), 0, 0, min(distances, default=float(np.hypot(*others.shape)))


def _hausdorff(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the largest distance from a pixel of either object to the nearest pixel of the other."""
    box: _Box = find_objects((first | second).astype(np.uint8))[0]  # the rest of the image is in neither
    first, second = first[box], second[box]
    return float(max(distance_transform_edt(~second)[first].max(), distance_transform_edt(~first)[second].max()))
