"""What a network is to the rest of the project: a schema for params.yaml that builds a `torch.nn.Module`."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import nn

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


@dataclass(frozen=True)
class Signature:
    """Shapes: images (n, channels, height, width) in, logits (n, classes) out, or (n, classes, height, width).

    `dense` networks give logits for each pixel.
    """

    channels: int
    height: int
    width: int
    classes: int
    dense: bool


class NetworkConfig(Strict):
    """The settings of a network, with its builder. Subclasses have `kind: Literal["..."]` and are registered."""

    kind: str

    def check(self, signature: Signature) -> None:
        """Raise ValueError if no such network takes these images; the message says which setting does not fit."""

    @abstractmethod
    def build(self, signature: Signature) -> nn.Module:
        """Return the untrained network, initialised from PyTorch's global random state."""


NETWORKS: Registry[NetworkConfig] = Registry("network")


def weight_count(network: nn.Module) -> int:
    """Count weights as the report does: kernels and matrices, without biases and batch norm."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)
