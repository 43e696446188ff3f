"""The evaluation of predicted classes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from sklearn.metrics import precision_score, recall_score
from torch import Tensor
from torch.nn import functional

from dl4ia.data.imageset import ImageSet
from dl4ia.metrics.calibration import calibration, calibration_error
from dl4ia.tasks.evaluator import Evaluator, Examples, Measured
from dl4ia.tasks.figures import mistakes

_EXAMPLES = 16  # mistakes in a picture


@dataclass(frozen=True)
class ClassificationEvaluator(Evaluator):
    """Accuracy, and the most confident mistakes."""

    classes: tuple[str, ...]
    keeps_mistakes_alone: ClassVar[bool] = True

    def measure(
        self,
        images: ImageSet,
        log_probabilities: Tensor,
        *,
        separation: float | None = None,  # noqa: ARG002 (digits are no objects)
    ) -> Measured:
        """Return loss, accuracy, precision and recall (averaged over classes), and prediction and confidence."""
        labels = torch.from_numpy(images.targets).long()
        bins = calibration(log_probabilities, labels)
        confidence, predicted = log_probabilities.exp().max(dim=1)
        metrics = {
            "accuracy": float((predicted == labels).double().mean()),
            "loss": float(functional.nll_loss(log_probabilities, labels)),
            "precision": float(precision_score(labels, predicted, average="macro", zero_division=0)),
            "recall": float(recall_score(labels, predicted, average="macro", zero_division=0)),
            "calibration_error": calibration_error(bins),
        }
        columns = {"name": images.names, "actual": images.targets, "predicted": predicted.numpy()}
        return Measured(metrics, pd.DataFrame(columns | {"confidence": confidence.numpy()}), bins)

    def kept(self, images: pd.DataFrame, *, test: bool) -> pd.DataFrame:
        """Return the misclassified test images."""
        return images[(images["actual"] != images["predicted"]) & test]

    def scores(self, images: pd.DataFrame) -> pd.Series:
        """Return 1 for each image of which the class is right, else 0."""
        return (images["actual"] == images["predicted"]).astype(float)

    def chosen(self, table: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Return the most confident mistakes, as in Figure 11."""
        mistaken = table[table["actual"] != table["predicted"]]
        ordered = mistaken.sort_values("confidence", ascending=False, kind="stable")
        return ordered.index[:_EXAMPLES].to_numpy(), "confidence"

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw misclassified images with actual class, prediction and confidence."""
        return mistakes(examples, self.classes, title)
