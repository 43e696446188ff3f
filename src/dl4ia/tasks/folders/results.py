"""The evaluation of datasets of one's own: measured as any other, drawn with whatever channels they have."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from dl4ia.data.imageset import ImageSet
from dl4ia.tasks.classification_results import ClassificationEvaluator
from dl4ia.tasks.evaluator import Evaluator, Examples, Measured
from dl4ia.tasks.folders.figures import as_taken, confusion, mistakes, segmentations
from dl4ia.tasks.layers import Layers
from dl4ia.tasks.segmentation_results import SegmentationEvaluator

_EXTREMES = 4  # worst and best segmentations in a picture, each


@dataclass(frozen=True)
class MaskEvaluator(SegmentationEvaluator):
    """Dice of the foreground, and the worst and best segmentations."""

    has_groups: bool

    def measure(self, images: ImageSet, log_probabilities: Tensor, *, separation: float | None = None) -> Measured:
        """Return metrics as of any masks; images have no grade, and those without groups no patient."""
        measured = super().measure(images, log_probabilities, separation=separation)
        unknown = ["grade"] if self.has_groups else ["grade", "patient"]
        return Measured(measured.metrics, measured.images.drop(columns=unknown), measured.calibration)

    def chosen(self, table: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Return the worst and the best segmentations, by Dice; of few images, none as both."""
        order = table.sort_values("dice", kind="stable").index.to_numpy()
        count = min(_EXTREMES, max(1, len(order) // 2))
        return np.concatenate([order[:count], order[-count:]]), "dice"

    def pictures(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame, title: str) -> dict[str, Figure]:
        """Return examples alone."""
        return Evaluator.pictures(self, images, predicted, table, title)

    def layers(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame) -> Layers:
        """Return the brightness, annotations and predictions of the examples."""
        return Layers.of(as_taken(self.examples(images, predicted, table)))

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw predictions and masks over the picture."""
        return segmentations(examples, title)


@dataclass(frozen=True)
class ClassEvaluator(ClassificationEvaluator):
    """Accuracy, and the most confident mistakes."""

    def pictures(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame, title: str) -> dict[str, Figure]:
        """Return the confusion matrix, with room for long names, and examples where there is a mistake."""
        matrix = {"confusion": confusion(images.targets, predicted, self.classes, title)}
        return matrix | (super().pictures(images, predicted, table, title) if len(self.chosen(table)[0]) else {})

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw misclassified images with actual class, prediction and confidence."""
        return mistakes(examples, self.classes, title)


@dataclass(frozen=True)
class GroupedClassEvaluator(ClassEvaluator):
    """The same of images in groups: all of them are kept, each with its group, which intervals allow for."""

    keeps_mistakes_alone: ClassVar[bool] = False

    def measure(self, images: ImageSet, log_probabilities: Tensor, *, separation: float | None = None) -> Measured:
        """Return metrics as of any classes, and the group of each image as its patient."""
        measured = super().measure(images, log_probabilities, separation=separation)
        return Measured(measured.metrics, measured.images.assign(patient=images.groups), measured.calibration)

    def kept(self, images: pd.DataFrame, *, test: bool) -> pd.DataFrame:  # noqa: ARG002 (training images have groups, too)
        """Return all images."""
        return images
