"""Which units of a network are dead: a ReLU that is 0 everywhere passes no gradient on, and does not recover."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def watched_units(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Yield the largest value of each unit behind a ReLU, by the name of its layer, (units,), while images pass.

    A unit is a feature map, or a neuron of a fully connected layer.
    """
    largest: dict[str, Tensor] = {}

    def watch(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_layer: nn.Module, _inputs: object, outputs: Tensor) -> None:
            values = outputs.detach().amax(dim=[axis for axis in range(outputs.dim()) if axis != 1])
            largest[name] = torch.maximum(largest[name], values) if name in largest else values

        return layer.register_forward_hook(note)

    handles = [watch(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.ReLU)]
    try:
        yield largest
    finally:
        for handle in handles:
            handle.remove()


def dead_share(largest: dict[str, Tensor]) -> float:
    """Return the share of the watched units that were never above 0; 0 for a network without ReLUs."""
    values = torch.cat([*largest.values()]) if largest else torch.ones(1)
    return float((values.cpu() <= 0).double().mean())
