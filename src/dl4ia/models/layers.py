"""Pieces that classifiers and segmenters share."""

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "hardtanh": nn.Hardtanh}


def convolution(inputs: int, maps: int) -> nn.Conv2d:
    """Return the report's convolution: 3x3, padded by reflection so that the image keeps its size."""
    return nn.Conv2d(inputs, maps, kernel_size=3, padding=1, padding_mode="reflect")


def pool_and_activate(activation: nn.Module, *, pool_first: bool) -> list[nn.Module]:
    """Return a 2x2 max pool and an activation, in the order asked for (Exercise 1.3 swaps them)."""
    pool = nn.MaxPool2d(2, stride=2)
    return [pool, activation] if pool_first else [activation, pool]


def weight_count(network: nn.Module) -> int:
    """Count the weights as the report does: those of kernels and matrices, not biases nor batch norm."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)
