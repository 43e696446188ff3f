"""A small network for classes of whole images, in the manner of VGG (Simonyan and Zisserman, 2015), with batch norm.

With stages [[16, 16], [24, 24], [28]], for images of 28x28 pixels:

    stage1  convolution  1 -> 16, convolution 16 -> 16, max pool
    stage2  convolution 16 -> 24, convolution 24 -> 24, max pool
    stage3  convolution 24 -> 28
    pool    the mean over all pixels (Lin et al., 2014)
    fc      linear 28 -> 10

Each 3x3 convolution is followed by batch norm and a ReLU. The mean in place of a large linear layer leaves the weights
to the convolutions: this network has 17 416 of them, fewer than the report's, of which 15 680 are in its linear layer.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from dl4ia.base.schema import Size
from dl4ia.models.layers import check_poolings
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature


@NETWORKS.register
class ConvNet(NetworkConfig):
    """Stages of 3x3 convolutions, given by their feature maps, with 2x2 max pools between stages."""

    kind: Literal["convnet"]
    stages: Annotated[tuple[Annotated[tuple[Size, ...], Field(min_length=1)], ...], Field(min_length=1)]

    def check(self, signature: Signature) -> None:
        """Raise ValueError for images that are too small, or a task that asks for the class of each pixel."""
        if signature.dense:
            raise ValueError("kind convnet gives one class for each image, and this task asks for that of each pixel")
        check_poolings(signature, len(self.stages) - 1, "pools between stages", last_is_convolved=True)

    def build(self, signature: Signature) -> nn.Sequential:
        """Return the network: images (n, channels, h, w) in, logits (n, classes) out."""
        network, channels = nn.Sequential(), signature.channels
        for number, widths in enumerate(self.stages, start=1):
            stage = nn.Sequential()
            for position, width in enumerate(widths, start=1):
                stage.add_module(f"conv{position}", nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False))
                stage.add_module(f"norm{position}", nn.BatchNorm2d(width))
                stage.add_module(f"relu{position}", nn.ReLU(inplace=True))
                channels = width
            if number < len(self.stages):
                stage.add_module("pool", nn.MaxPool2d(2, stride=2))
            network.add_module(f"stage{number}", stage)
        network.add_module("pool", nn.AdaptiveAvgPool2d(1))
        network.add_module("flatten", nn.Flatten())
        network.add_module("fc", nn.Linear(channels, signature.classes))
        return network
