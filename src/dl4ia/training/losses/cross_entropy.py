"""Cross-entropy, the loss of the report."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from dl4ia.training.losses.base import LOSSES, LossConfig


@LOSSES.register
class CrossEntropy(LossConfig):
    """Equation 1; `label_smoothing` gives that share of each target to all classes alike (Szegedy et al., 2016)."""

    kind: Literal["cross-entropy"]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over images or pixels; see the base class."""
        return functional.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Equation 1, averaged over images or pixels: ln sum_l exp(z_l) - z_target.

    `logits` (n, classes, ...) and `targets` (n, ...) of class indices; a scalar.
    """
    return functional.cross_entropy(logits, targets)
