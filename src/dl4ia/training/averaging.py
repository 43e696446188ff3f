"""An exponential moving average of a network's weights, which is then validated and saved instead of the last ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """The average a of a network's weights w: after each iteration a <- d a + (1 - d) w (Tarvainen and Valpola, 2017).

    d = min(`decay`, (1 + t) / (10 + t)) after t updates, as in TensorFlow's ExponentialMovingAverage, so that the
    initial weights are soon forgotten. Statistics of batch norm (float buffers) are averaged in the same way, so that
    they lag as far behind as the weights whose activations they describe. Counters (integer buffers) are the network's.

    The averaging is PyTorch's; its AveragedModel is not used because it averages counters too, and keeps t on the
    device, so that each iteration waits for a GPU.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start from the present weights of `network`, which are from now on changed in place alone."""
        self._decay = decay
        self._updates = 0
        own = network.state_dict()
        averaged = [name for name, tensor in own.items() if tensor.is_floating_point()]
        self._average = own | _copied({name: own[name] for name in averaged})
        self._averaged = [self._average[name] for name in averaged], [own[name] for name in averaged]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of the network after an iteration."""
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        averages, currents = self._averaged
        get_ema_multi_avg_fn(decay)(averages, currents, self._updates)
        self._updates += 1

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the averaged weights and buffers, by the names of the network's `state_dict`."""
        return _copied(self._average)

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """Put the averaged weights into `network` (for validation), and its own back afterwards, to the bit."""
        own = _copied(network.state_dict())
        try:
            network.load_state_dict(self._average)
            yield
        finally:
            network.load_state_dict(own)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what decides all further averages."""
        return {"updates": torch.tensor(self._updates), **{f"average.{name}": a for name, a in self.weights().items()}}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state_dict` returned, on whatever device it was."""
        self._updates = int(state["updates"])
        for name, average in self._average.items():
            average.copy_(state[f"average.{name}"])


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
