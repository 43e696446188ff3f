"""Exercise 1.1: a multilayer perceptron."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from dl4ia.base.schema import Size
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature


@NETWORKS.register
class Mlp(NetworkConfig):
    """Fully connected layers with ReLU between them; `hidden` are the sizes of the hidden layers."""

    kind: Literal["mlp"]
    hidden: Annotated[tuple[Size, ...], Field(min_length=1)]

    def check(self, signature: Signature) -> None:
        """Raise ValueError for a task that asks for the class of each pixel."""
        if signature.dense:
            raise ValueError("kind mlp gives one class for each image, and this task asks for the class of each pixel")

    def build(self, signature: Signature) -> nn.Sequential:
        """Return the network: images (n, channels, h, w) in, logits (n, classes) out."""
        network = nn.Sequential()
        network.add_module("flatten", nn.Flatten())
        sizes = (signature.channels * signature.height * signature.width, *self.hidden)
        for position, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            network.add_module(f"fc{position}", nn.Linear(inputs, outputs))
            network.add_module(f"relu{position}", nn.ReLU(inplace=True))
        network.add_module(f"fc{len(sizes)}", nn.Linear(sizes[-1], signature.classes))
        return network
