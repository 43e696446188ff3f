"""What a loss is."""

from abc import abstractmethod

from torch import Tensor

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


class LossConfig(Strict):
    """The settings of a loss, which is also the loss. Subclasses are registered."""

    kind: str

    @abstractmethod
    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar: `logits` (n, classes, ...) against class indices `targets` (n, ...)."""


LOSSES: Registry[LossConfig] = Registry("loss")
