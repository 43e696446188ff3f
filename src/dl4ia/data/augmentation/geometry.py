"""Deformations: images are interpolated bilinearly, masks take the nearest pixel, what lies outside is reflected."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from dl4ia.data.augmentation.base import AUGMENTATIONS, AugmentationConfig, is_dense, sent, symmetric_uniform


@AUGMENTATIONS.register
class Affine(AugmentationConfig):
    """Rotate, scale, shear and shift each image about its centre, each by its own uniform draw.

    `degrees`: largest rotation, either way. `scale`: largest relative change of size, 0.1 for 90 to 110 %. `shear`:
    largest angle of a horizontal shear, in degrees. `shift`: largest shift in each direction, as a fraction of the
    side. Each image is transformed with `probability`, and otherwise stays as it is.

    What comes in from outside is a reflection, which continues tissue. It suits digits too: the outermost two pixels of
    88 % of MNIST's training images are background (three: 65 %), so that small shifts bring in background. Zeros would
    not: of a standardised image they are the mean, a grey.
    """

    kind: Literal["affine"]
    degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shear: Annotated[float, Field(ge=0, lt=90)] = 0.0
    shift: Annotated[float, Field(ge=0, le=1)] = 0.0
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0

    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return transformed copies; see the base class."""
        count, _, height, width = images.shape
        matrices = self._matrices(count, height / width, generator)
        left_alone = torch.rand(count, generator=generator) >= self.probability
        matrices[left_alone] = torch.eye(2, 3)
        grid = _affine_grid(sent(matrices, images.device), height, width)
        return _bilinear(images, grid), _nearest(targets, grid) if is_dense(targets) else targets

    def _matrices(self, count: int, aspect: float, generator: torch.Generator) -> Tensor:
        """Return (count, 2, 3): from places in the result to places in the image, both in [-1, 1] from side to side.

        `aspect` is height / width: rotation and shear are those of square pixels.
        """
        turn, size, shear, *shift = symmetric_uniform(5, count, generator)
        angle, slope = math.radians(self.degrees) * turn, torch.tan(math.radians(self.shear) * shear)
        cos, sin = torch.cos(angle), torch.sin(angle)
        rows = [cos, (cos * slope - sin) * aspect, sin / aspect, sin * slope + cos]  # rotation @ shear
        matrices = torch.stack(rows, dim=1).view(-1, 2, 2) / (1 + self.scale * size).view(-1, 1, 1)
        offsets = -matrices @ (2 * self.shift * torch.stack(shift, dim=1).unsqueeze(2))
        return torch.cat([matrices, offsets], dim=2)


@AUGMENTATIONS.register
class Elastic(AugmentationConfig):
    """Deform each image by a smooth random field of displacements (Simard et al., 2003), drawn as for the U-Net.

    As in Ronneberger et al. (2015), displacements are normally distributed on a coarse grid, independently in both
    directions, and interpolated bicubically between its points. `strength`: their standard deviation on the grid, in
    pixels. `smoothness`: the distance between points of the grid, in pixels, at most.
    """

    kind: Literal["elastic"]
    strength: Annotated[float, Field(ge=0, le=1000)]
    smoothness: Annotated[float, Field(ge=1, le=1000)]

    def apply(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return deformed copies; see the base class."""
        height, width = images.shape[-2:]
        rows, columns = (_spline(side, math.ceil((side - 1) / self.smoothness) + 1) for side in (height, width))
        knots = torch.randn(len(images), rows.shape[1], columns.shape[1], 2, generator=generator) * self.strength
        knots *= 2 / torch.tensor([width, height])  # a pixel, where [-1, 1] is from side to side
        rows, columns, knots = (sent(small, images.device) for small in (rows, columns, knots))
        displacements = torch.einsum("xl,nylc->nyxc", columns, torch.einsum("yk,nklc->nylc", rows, knots))
        grid = _affine_grid(torch.eye(2, 3, device=images.device).unsqueeze(0), height, width) + displacements
        return _bilinear(images, grid), _nearest(targets, grid) if is_dense(targets) else targets


def _spline(side: int, knots: int) -> Tensor:
    """Return (side, knots): bicubic interpolation as a matrix, 20 times as fast as interpolating each field."""
    identity = torch.eye(knots).view(1, 1, knots, knots)
    return functional.interpolate(identity, size=(side, knots), mode="bicubic", align_corners=True).view(side, knots)


def _affine_grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """Return `functional.affine_grid` of `matrices` (n, 2, 3), (n, h, w, 2), in a tenth of its time on the CPU."""
    x, y = (torch.arange(1 - side, side, 2, device=matrices.device) / side for side in (width, height))
    by_x, by_y, offset = matrices.unsqueeze(1).unbind(3)  # (n, 1, 2) each
    return (by_x * x.view(-1, 1)).unsqueeze(1) + (by_y * y.view(-1, 1) + offset).unsqueeze(2)


def _bilinear(images: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _nearest(masks: Tensor, grid: Tensor) -> Tensor:
    """Return masks (n, h, w) sampled at `grid`; class indices are exact in float32."""
    values = masks.unsqueeze(1).to(grid.dtype)
    sampled = functional.grid_sample(values, grid, mode="nearest", padding_mode="reflection", align_corners=False)
    return sampled.squeeze(1).to(masks.dtype)
