"""Cross-entropy and soft Dice together, for masks."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dl4ia.base.errors import ConfigError
from dl4ia.training.losses.base import LOSSES, LossConfig
from dl4ia.training.losses.cross_entropy import cross_entropy


@LOSSES.register
class CrossEntropyDice(LossConfig):
    """Equation 1 plus `weight` times the soft Dice loss; for masks only."""

    kind: Literal["cross-entropy-dice"]
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the sum; `logits` (n, classes, h, w) and `targets` (n, h, w). Raises ConfigError without masks."""
        if targets.dim() == 1:
            raise ConfigError("loss cross-entropy-dice needs masks, not one label for each image: use cross-entropy")
        return cross_entropy(logits, targets) + self.weight * soft_dice_loss(logits, targets)


def soft_dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 1 - D, averaged over images and foreground classes (all but class 0, the background).

    D = (2 sum pg + 1) / (sum p^2 + sum g^2 + 1), sums over the pixels of one image, p the softmax probability of the
    class and g 1 or 0: the form of Milletari et al. (V-Net, 2016), with squares in the denominator. The added pixel
    gives D = 1 where the class is absent and not predicted. `logits` (n, classes, h, w), `targets` (n, h, w).
    """
    foreground = torch.arange(1, logits.shape[1], device=targets.device).view(1, -1, 1, 1)
    actual = (targets.unsqueeze(1) == foreground).to(logits.dtype).flatten(2)
    predicted = logits.softmax(dim=1)[:, 1:].flatten(2)
    overlap = (predicted * actual).sum(2)
    sizes = predicted.square().sum(2) + actual.sum(2)  # the square of 0 or 1 is itself
    return (1 - (2 * overlap + 1) / (sizes + 1)).mean()
