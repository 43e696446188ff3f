"""This project through its public API: one training without files, tracking or checkpoints."""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.comparison.problems import Problem
from dl4ia.runs.experiment import fit_network
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Training


class _Ticking(Callback):
    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick

    def on_step(self, training: Training) -> None:  # noqa: ARG002
        self._tick()


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train, and validate at the end."""
    settings = problem.variant.settings.model_copy(update={"iterations": iterations, "evaluate_every": iterations})
    variant, cpu = problem.variant.model_copy(update={"settings": settings}), torch.device("cpu")
    return fit_network(variant, 0, problem.data, problem.split, problem.standardizer, cpu, [_Ticking(tick)])
