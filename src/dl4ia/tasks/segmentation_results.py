"""The evaluation of predicted masks."""

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from dl4ia.data.imageset import ImageSet
from dl4ia.metrics import segmentation as metrics
from dl4ia.tasks.evaluator import Evaluator, Examples, Measured
from dl4ia.tasks.figures import segmentations

_EXTREMES = 4  # worst and best segmentations in a picture, each
_DIGITS = 5  # of per-image metrics kept in git; one pixel of 128x128 is 6e-5
_OF_IMAGES = {"dice": metrics.dice, "iou": metrics.iou, "pixel_accuracy": metrics.pixel_accuracy,
              "precision": metrics.precision, "recall": metrics.recall}  # fmt: skip


class SegmentationEvaluator(Evaluator):
    """Dice of the foreground class, and the worst and best segmentations."""

    def measure(self, images: ImageSet, log_probabilities: Tensor) -> Measured:
        """Return metrics as means over images and over all pixels (`_pooled`), and those of each image."""
        masks = torch.from_numpy(images.targets).long()
        counts = metrics.count(log_probabilities.argmax(dim=1), masks)
        pooled = metrics.pooled(counts)
        each = {name: measure(counts).double() for name, measure in _OF_IMAGES.items()}
        measured = {"loss": float(functional.nll_loss(log_probabilities, masks))}
        measured |= {name: float(values.mean()) for name, values in each.items()}
        measured |= {f"{name}_pooled": float(measure(pooled)) for name, measure in _OF_IMAGES.items()}
        columns = {"name": images.names, "patient": images.groups}
        return Measured(measured, pd.DataFrame(columns | {name: values.numpy() for name, values in each.items()}))

    def kept(self, images: pd.DataFrame, *, test: bool) -> pd.DataFrame:  # noqa: ARG002 (all parts are small)
        """Return the scores of all images."""
        return images.round(_DIGITS)

    def chosen(self, table: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Return the worst and the best segmentations, by Dice."""
        order = table.sort_values("dice", kind="stable").index.to_numpy()
        return np.concatenate([order[:_EXTREMES], order[-_EXTREMES:]]), "dice"

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw predictions and masks over the first channel."""
        return segmentations(examples, title)
