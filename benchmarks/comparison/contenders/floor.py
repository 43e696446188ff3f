"""The steps of this project on one batch that never changes: no feeding, no metrics, no evaluation, no callbacks."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.comparison.problems import Problem
from dl4ia.runs.experiment import network_of, optimizer_of


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> None:
    """Repeat a step."""
    step = _step(problem)
    for _ in range(iterations):
        step()
        tick()


def operations(problem: Problem) -> int:
    """Return the floating-point operations of the convolutions and matrix products of a step."""
    with FlopCounterMode(display=False) as counter:
        _step(problem)()
    return int(counter.get_total_flops())


def _step(problem: Problem) -> Callable[[], None]:
    settings = problem.variant.settings
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    network = network_of(problem.variant).to(memory_format=layout)
    optimizer, (images, targets) = optimizer_of(network, settings), _batch(problem)
    images = images.contiguous(memory_format=layout)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), targets).backward()
        optimizer.step()

    return step


def _batch(problem: Problem) -> tuple[Tensor, Tensor]:
    part = problem.data.take(problem.split.train[: problem.batch_size])
    return problem.standardizer.apply(part.images), torch.from_numpy(part.targets).long()
