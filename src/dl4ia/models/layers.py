"""Pieces that several networks share."""

import torch
from torch import Tensor, nn

from dl4ia.models.network import Signature

_SMALLEST_SIDE = 2  # reflect padding by one pixel needs two, and so does batch norm of a single image


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """Return the report's convolution: 3x3, padded by reflection so that the image keeps its size."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, padding_mode="reflect")


def normalization(channels: int, *, batch_norm: bool) -> nn.Module:
    """Return batch norm, or nothing."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


def pixelwise(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a 1x1 convolution for channels-last images.

    A single weight has nothing to dilate, but a dilated convolution is computed by oneDNN on one thread too, where
    PyTorch's own is slow: with the ReLU before and the loss after it, 8 -> 2 feature maps at 128x128 in batches of 5
    take 3.9 instead of 5.4 ms.
    """
    return nn.Conv2d(inputs, outputs, kernel_size=1, dilation=2)


class Residual(nn.Module):
    """The ReLU of the sum of what comes in and two convolutions of it (He et al., ResNet, 2016)."""

    def __init__(self, channels: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.norm1 = normalization(channels, batch_norm=batch_norm)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = convolution(channels, channels)
        self.norm2 = normalization(channels, batch_norm=batch_norm)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        change = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(features)))))
        return self.relu2(features + change)  # type: ignore[no-any-return]


class SkipConnection(nn.Module):
    """The ReLU of a resolution's features on the way down, beside those on the way up (Ronneberger et al., 2015)."""

    def forward(self, down: Tensor, up: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        return torch.cat([torch.relu(down), up], dim=1)


def check_poolings(signature: Signature, poolings: int, setting: str, *, last_is_convolved: bool) -> None:
    """Raise ValueError where images get too small for a pool, or for a padded convolution after the last one.

    A dense network also has to return to the size of the image. The message names `setting`.
    """
    height, width = signature.height, signature.width
    smallest = _SMALLEST_SIDE if last_is_convolved else 1
    if min(height, width) >> poolings < smallest:
        most = max(0, (min(height, width) // smallest).bit_length() - 1)
        raise ValueError(
            f"{poolings} poolings of a {height}x{width} image leave less than {smallest} pixels per side: "
            f"{setting} can be at most {most}"
        )
    if signature.dense and (height | width) % (1 << poolings):
        raise ValueError(
            f"{poolings} poolings of a {height}x{width} image leave a remainder: both sides must be multiples of "
            f"{1 << poolings}, so {setting} can be at most {_halvings(height | width)}"
        )


def _halvings(number: int) -> int:
    """Return how often a number can be halved without remainder."""
    return (number & -number).bit_length() - 1
