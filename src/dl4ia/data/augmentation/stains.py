"""Stains: images as another laboratory would have stained them."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dl4ia.data.augmentation.base import AUGMENTATIONS, AugmentationConfig, sent, symmetric_uniform


@AUGMENTATIONS.register
class StainJitter(AugmentationConfig):
    """Multiply each channel of each image by 1 +- `scale` and add +- `shift`, uniform draws (Tellez et al., 2018).

    The channels are stains, already separated by colour deconvolution and standardised: `shift` is in standard
    deviations of the training images, and scaling leaves their mean where it is.
    """

    kind: Literal["stain-jitter"]
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shift: Annotated[float, Field(ge=0, le=100)] = 0.0

    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images of another staining, and the targets unchanged; see the base class."""
        count, channels = images.shape[:2]
        drawn = symmetric_uniform(2, count * channels, generator)
        size, offset = sent(drawn, images.device).view(2, count, channels, 1, 1)
        return images * (1 + self.scale * size) + self.shift * offset, targets
