"""How accurate the edge of a segmentation is."""

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from dl4ia.metrics.segmentation import count, dice

WIDTH = 3  # pixels on either side of the edge


def boundary_dice(predicted: Tensor, masks: Tensor, width: int = WIDTH) -> Tensor:
    """Return the Dice coefficient of each image, (n,), over the pixels within `width` pixels of an annotated edge.

    `predicted` and `masks` are (n, height, width), nonzero in the foreground. Distances are Euclidean, to the centre of
    the nearest pixel on the other side of the edge: pixels along the edge are at distance 1. The border of the image is
    no edge. An image without an edge is measured as a whole.
    """
    near = torch.stack([near_edge(mask, width) for mask in masks])
    prediction, mask = predicted.bool(), masks.bool()
    return dice(count(prediction & near, mask & near))


def near_edge(mask: Tensor, width: int = WIDTH) -> Tensor:
    """Return which pixels of a mask (height, width) are within `width` pixels of an edge; all, if it has none."""
    foreground = mask.bool().numpy()
    if foreground.all() or not foreground.any():
        return torch.ones_like(mask, dtype=torch.bool)
    distance = distance_transform_edt(foreground) + distance_transform_edt(~foreground)  # one of them is 0
    return torch.from_numpy(distance <= width)
