"""What an augmentation is, and what the augmentations share."""

from abc import abstractmethod

import torch
from torch import Tensor

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


class AugmentationConfig(Strict):
    """The settings of an augmentation, which is also the augmentation. Subclasses are registered."""

    kind: str

    @abstractmethod
    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return changed copies of standardised images (n, c, h, w) float32 and targets (n,) or (n, h, w) int64.

        Targets (n,) label whole images: they do not change. Random numbers come from `generator` (on the CPU) alone,
        as many for each call whatever their values, so that a resumed training repeats them to the bit.
        """


AUGMENTATIONS: Registry[AugmentationConfig] = Registry("augmentation")


def is_dense(targets: Tensor) -> bool:
    """Return whether `targets` are masks (n, h, w), which follow their images, not labels (n,)."""
    return targets.dim() > 1


def sent(drawn: Tensor, device: torch.device) -> Tensor:
    """Return what was drawn on the CPU on a device, without waiting for what a CUDA device still has to do.

    Of memory that is not pinned that is safe there: it has been read when the call returns. On Apple's GPUs it is not.
    """
    return drawn.to(device, non_blocking=device.type == "cuda")


def symmetric_uniform(rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Return random numbers (rows, count), uniform in [-1, 1)."""
    return 2 * torch.rand(rows, count, generator=generator) - 1
