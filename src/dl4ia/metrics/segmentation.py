"""Pixels of the foreground class: counts of each image first, reduced later and by name.

Averaging `dice(counts)` gives the mean over images, each weighing the same; `dice(pooled(counts))` is over all pixels.
Where a ratio is 0/0, it is 1 if mask and prediction agree that there is nothing, and 0 if one of them alone is empty.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Counts:
    """Pixels of each of n images, (n,) int64."""

    true_positive: Tensor
    false_positive: Tensor
    false_negative: Tensor
    true_negative: Tensor


def count(predicted: Tensor, masks: Tensor) -> Counts:
    """Compare predicted and annotated masks, both (n, height, width), nonzero in the foreground."""
    prediction, mask = predicted.bool().flatten(1), masks.bool().flatten(1)
    hits, positive, annotated = (prediction & mask).sum(1), prediction.sum(1), mask.sum(1)
    return Counts(hits, positive - hits, annotated - hits, mask.shape[1] - positive - annotated + hits)


def pooled(counts: Counts) -> Counts:
    """Add the images up, as if they were one."""
    return Counts(*(
        part.sum().unsqueeze(0)
        for part in (counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative)
    ))  # fmt: skip


def dice(counts: Counts) -> Tensor:
    """Return 2 TP / (2 TP + FP + FN) of each image."""
    hits = 2 * counts.true_positive
    return _ratio(hits, hits + counts.false_positive + counts.false_negative, counts)


def iou(counts: Counts) -> Tensor:
    """Return TP / (TP + FP + FN), intersection over union, of each image."""
    hits = counts.true_positive
    return _ratio(hits, hits + counts.false_positive + counts.false_negative, counts)


def precision(counts: Counts) -> Tensor:
    """Return TP / (TP + FP) of each image."""
    return _ratio(counts.true_positive, counts.true_positive + counts.false_positive, counts)


def recall(counts: Counts) -> Tensor:
    """Return TP / (TP + FN) of each image."""
    return _ratio(counts.true_positive, counts.true_positive + counts.false_negative, counts)


def pixel_accuracy(counts: Counts) -> Tensor:
    """Return (TP + TN) / all pixels of each image."""
    right = counts.true_positive + counts.true_negative
    return right / (right + counts.false_positive + counts.false_negative)


def image_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the Dice coefficient of each image, (n,), from logits (n, 2, h, w)."""
    return dice(count(logits[:, 1] > logits[:, 0], masks))


def _ratio(part: Tensor, whole: Tensor, counts: Counts) -> Tensor:
    agree = (counts.false_positive + counts.false_negative == 0).float()
    return torch.where(whole > 0, part / whole.clamp(min=1), agree)
