"""Symmetries of a square: each pixel moves to another place, none is interpolated."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from dl4ia.base.errors import ConfigError
from dl4ia.data.augmentation.base import AUGMENTATIONS, AugmentationConfig, is_dense, sent


@AUGMENTATIONS.register
class Flips(AugmentationConfig):
    """Mirror each image horizontally with probability 1/2, and vertically with probability 1/2."""

    kind: Literal["flips"]

    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mirrored copies; see the base class."""
        return _transformed(images, targets, generator, _FLIPS)


@AUGMENTATIONS.register
class QuarterTurns(AugmentationConfig):
    """Rotate each image by 0, 90, 180 or 270 degrees clockwise, with probability 1/4 each."""

    kind: Literal["quarter-turns"]

    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return rotated copies; see the base class. Raises ConfigError unless the images are square."""
        height, width = images.shape[-2:]
        if height != width:
            raise ConfigError(f"augmentation quarter-turns needs square images, not {height}x{width}: remove it")
        return _transformed(images, targets, generator, _QUARTER_TURNS)


_Transformation = Callable[[Tensor], Tensor]  # of the last two axes

_FLIPS: tuple[_Transformation, ...] = (
    lambda batch: batch.flip(-1),
    lambda batch: batch.flip(-2),
    lambda batch: batch.flip(-1, -2),
)
_QUARTER_TURNS: tuple[_Transformation, ...] = (
    lambda batch: batch.rot90(-1, (-2, -1)),
    lambda batch: batch.rot90(-2, (-2, -1)),
    lambda batch: batch.rot90(-3, (-2, -1)),
)


def _transformed(
    images: Tensor, targets: Tensor, generator: torch.Generator, transformations: tuple[_Transformation, ...]
) -> tuple[Tensor, Tensor]:
    """Return copies to which one of the transformations was applied, or none; all of these are equally likely."""
    choices = torch.randint(1 + len(transformations), (len(images),), generator=generator)
    chosen = [
        (sent(torch.nonzero(choices == choice)[:, 0], images.device), transformation)
        for choice, transformation in enumerate(transformations, start=1)
    ]

    def transformed(batch: Tensor) -> Tensor:
        result = batch.clone()
        for selected, transformation in chosen:
            result[selected] = transformation(batch[selected])
        return result

    return transformed(images), transformed(targets) if is_dense(targets) else targets
