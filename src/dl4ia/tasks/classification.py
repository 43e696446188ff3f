"""Tasks that ask for the class of a whole image."""

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from dl4ia.metrics.classification import correct
from dl4ia.tasks.task import Task

if TYPE_CHECKING:
    from dl4ia.tasks.evaluator import Evaluator


class Classification(Task):
    """Measured by accuracy."""

    metric = "accuracy"
    headline: ClassVar = ("accuracy", "loss")
    measured: ClassVar = ("accuracy", "loss", "precision", "recall", "calibration_error")
    losses: ClassVar = ("cross-entropy",)
    test_time: ClassVar = ("none",)

    def score(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return 1 for each image (n,) whose largest logit is that of its class, else 0."""
        return correct(logits, targets)

    def evaluator(self) -> "Evaluator":
        """Return the evaluation of classes."""
        from dl4ia.tasks.classification_results import ClassificationEvaluator  # noqa: PLC0415 (see tasks/task.py)

        return ClassificationEvaluator(self.classes)
