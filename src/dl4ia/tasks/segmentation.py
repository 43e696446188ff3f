"""Tasks that ask which pixels belong to the foreground."""

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from dl4ia.metrics.segmentation import image_dice
from dl4ia.tasks.task import Task

if TYPE_CHECKING:
    from dl4ia.tasks.evaluator import Evaluator


class Segmentation(Task):
    """Measured by the Dice coefficient of the foreground class."""

    metric = "dice"
    headline: ClassVar = ("dice", "dice_pooled", "loss")
    measured: ClassVar = (*headline, "iou", "pixel_accuracy", "precision", "recall", "boundary_dice", "iou_pooled",
                          "pixel_accuracy_pooled", "precision_pooled", "recall_pooled",
                          "calibration_error", "object_f1", "object_dice", "object_hausdorff")  # fmt: skip
    losses: ClassVar = ("cross-entropy", "cross-entropy-dice")
    test_time: ClassVar = ("none", "flips", "flips-and-turns")

    def score(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the Dice coefficient of each image, (n,), from logits (n, 2, h, w)."""
        return image_dice(logits, targets)

    def evaluator(self) -> "Evaluator":
        """Return the evaluation of masks."""
        from dl4ia.tasks.segmentation_results import SegmentationEvaluator  # noqa: PLC0415 (see tasks/task.py)

        return SegmentationEvaluator()
