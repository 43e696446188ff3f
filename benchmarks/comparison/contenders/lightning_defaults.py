"""PyTorch Lightning as it comes: progress bar, logger, a checkpoint and a validation after each epoch."""

import tempfile
from collections.abc import Callable
from importlib import import_module

from torch import nn

from benchmarks.comparison.contenders.lightning_module import module_of
from benchmarks.comparison.pictures import epochs, validation
from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train, in a folder that is thrown away; raises ImportError without Lightning."""
    module = module_of(problem, tick)
    with tempfile.TemporaryDirectory() as folder:
        trainer = import_module("lightning").Trainer(max_steps=iterations, accelerator="cpu", default_root_dir=folder)
        trainer.fit(module, epochs(problem), validation(problem))
    return module.network  # type: ignore[no-any-return]
