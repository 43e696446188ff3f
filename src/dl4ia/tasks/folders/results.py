"""The evaluation of datasets of one's own: measured as any other, drawn with whatever channels they have."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from dl4ia.data.imageset import ImageSet
from dl4ia.tasks.classification_results import ClassificationEvaluator
from dl4ia.tasks.evaluator import Evaluator, Examples, Measured
from dl4ia.tasks.folders.figures import mistakes, segmentations
from dl4ia.tasks.segmentation_results import SegmentationEvaluator


@dataclass(frozen=True)
class MaskEvaluator(SegmentationEvaluator):
    """Dice of the foreground, and the worst and best segmentations."""

    has_groups: bool

    def measure(self, images: ImageSet, log_probabilities: Tensor, *, separation: float | None = None) -> Measured:
        """Return metrics as of any masks; images have no grade, and those without groups no patient."""
        measured = super().measure(images, log_probabilities, separation=separation)
        unknown = ["grade"] if self.has_groups else ["grade", "patient"]
        return Measured(measured.metrics, measured.images.drop(columns=unknown), measured.calibration)

    def pictures(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame, title: str) -> dict[str, Figure]:
        """Return examples alone."""
        return Evaluator.pictures(self, images, predicted, table, title)

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw predictions and masks over the picture."""
        return segmentations(examples, title)


@dataclass(frozen=True)
class ClassEvaluator(ClassificationEvaluator):
    """Accuracy, and the most confident mistakes."""

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw misclassified images with actual class, prediction and confidence."""
        return mistakes(examples, self.classes, title)
