"""PyTorch Lightning with all off that its profiler and its documentation name as costs, validated at the end."""

from collections.abc import Callable
from importlib import import_module

from torch import nn

from benchmarks.comparison.contenders.lightning_module import module_of
from benchmarks.comparison.pictures import batches
from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train; raises ImportError without Lightning."""
    module = module_of(problem, tick)
    trainer = import_module("lightning").Trainer(
        max_steps=iterations, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, batches(problem, iterations))
    return module.network  # type: ignore[no-any-return]
