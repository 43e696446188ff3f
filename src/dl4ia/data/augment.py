"""More training images out of those that there are."""

import torch
from torch import Tensor


def add_flips(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Append the mirror image of each image: `images` (n, c, h, w) and `masks` (n, h, w), 2 n of both."""
    return torch.cat([images, images.flip(-1)]), torch.cat([masks, masks.flip(-1)])


def add_rotations(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Append a rotated copy of each image that draws one (Exercise 2.2).

    `images` (n, c, s, s) and `masks` (n, s, s): each pair draws no rotation, 90, 180 or 270 degrees clockwise with 25 %
    each. Returns the originals followed by the rotated ones, about 1.75 n of both.
    """
    turns = torch.randint(4, (len(images),), generator=generator)
    rotated_images, rotated_masks = [images], [masks]
    for quarter in (1, 2, 3):
        drawn = turns == quarter
        rotated_images.append(images[drawn].rot90(-quarter, (-2, -1)))
        rotated_masks.append(masks[drawn].rot90(-quarter, (-2, -1)))
    return torch.cat(rotated_images), torch.cat(rotated_masks)
