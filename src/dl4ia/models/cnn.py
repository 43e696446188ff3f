"""Exercises 1.2 to 1.5: a small convolutional network and its variations.

Exercise 1.2, as listed in the report:

    conv1  convolution 1 ->  8, ReLU, max pool
    conv2  convolution 8 -> 16, ReLU, max pool
    conv3  convolution 16 -> 32, ReLU
    fc     linear 32 * 7 * 7 -> 10
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from dl4ia.base.schema import Size
from dl4ia.models.layers import check_poolings, convolution
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature

_ACTIVATIONS: dict[str, type[nn.ReLU | nn.Hardtanh]] = {"relu": nn.ReLU, "hardtanh": nn.Hardtanh}


@NETWORKS.register
class Cnn(NetworkConfig):
    """3x3 convolutions, the first `pools` of them followed by a 2x2 max pool, then one linear layer.

    `pool_first` swaps activation and pool (Exercise 1.3); `batch_norm_before` lists convolutions, counted from 1.
    """

    kind: Literal["cnn"]
    feature_maps: Annotated[tuple[Size, ...], Field(min_length=1)]
    pools: NonNegativeInt
    pool_first: bool = False
    activation: Literal["relu", "hardtanh"] = "relu"
    batch_norm_before: tuple[Size, ...] = ()
    log_softmax: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        count = len(self.feature_maps)
        if self.pools > count:
            raise ValueError(f"pools {self.pools} is more than the {count} convolutions of feature_maps")
        if any(position > count for position in self.batch_norm_before):
            raise ValueError(
                f"batch_norm_before {list(self.batch_norm_before)} names a convolution that is not in feature_maps"
            )
        return self

    def check(self, signature: Signature) -> None:
        """Raise ValueError for images that are too small, or a task that asks for the class of each pixel."""
        if signature.dense:
            raise ValueError("kind cnn gives one class for each image, and this task asks for the class of each pixel")
        check_poolings(signature, self.pools, "pools", last_is_convolved=self.pools < len(self.feature_maps))

    def build(self, signature: Signature) -> nn.Sequential:
        """Return the network: images (n, channels, h, w) in, logits (n, classes) out."""
        activation, last = _ACTIVATIONS[self.activation], len(self.feature_maps)
        network = nn.Sequential()
        for position, (inputs, outputs) in enumerate(pairwise((signature.channels, *self.feature_maps)), start=1):
            if position in self.batch_norm_before:
                network.add_module(f"norm{position}", nn.BatchNorm2d(inputs))
            network.add_module(f"conv{position}", convolution(inputs, outputs))
            if position <= self.pools:
                network.add_module(f"pool{position}", self._pool_and_activation())
            elif position < last:
                network.add_module(f"activation{position}", activation(inplace=True))
        network.add_module("flatten", nn.Flatten())
        if self.pools < last:
            # Not before flattening: the gradient of `fc` is not channels-last, and to mix the two takes 0.75 ms of 10.
            network.add_module(f"activation{last}", activation(inplace=True))
        pixels = (signature.height >> self.pools) * (signature.width >> self.pools)
        network.add_module("fc", nn.Linear(self.feature_maps[-1] * pixels, signature.classes))
        if self.log_softmax:
            network.add_module("log_softmax", nn.LogSoftmax(dim=1))
        return network

    def _pool_and_activation(self) -> nn.Sequential:
        pool, activation = nn.MaxPool2d(2, stride=2), _ACTIVATIONS[self.activation](inplace=True)
        return nn.Sequential(pool, activation) if self.pool_first else ActivationThenPool(activation, pool)


class ActivationThenPool(nn.Sequential):
    """An activation, then a max pool, computed in the other order.

    The activations never decrease, so that both orders give the same values and the same gradients, to the bit, and
    this one has a quarter of the values to activate.
    """

    def forward(self, features: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        activation, pool = self
        return activation(pool(features))  # type: ignore[no-any-return]
