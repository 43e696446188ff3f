"""Transformed copies that are added to the training images once, before training (Exercise 2.2)."""

import torch
from torch import Tensor


def add_flips(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the originals followed by their mirror images (left and right exchanged).

    `images` (n, c, h, w) and `masks` (n, h, w); 2 n of both.
    """
    return torch.cat([images, images.flip(-1)]), torch.cat([masks, masks.flip(-1)])


def add_rotations(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the originals followed by a rotated copy of each image that draws one (Exercise 2.2).

    `images` (n, c, s, s) and `masks` (n, s, s): each pair draws no rotation, 90, 180 or 270 degrees clockwise with 25 %
    each from `generator`; about 1.75 n of both are returned.
    """
    turns = torch.randint(4, (len(images),), generator=generator)
    rotated_images, rotated_masks = [images], [masks]
    for quarter in (1, 2, 3):
        drawn = turns == quarter
        rotated_images.append(images[drawn].rot90(-quarter, (-2, -1)))
        rotated_masks.append(masks[drawn].rot90(-quarter, (-2, -1)))
    return torch.cat(rotated_images), torch.cat(rotated_masks)
