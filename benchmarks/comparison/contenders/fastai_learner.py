"""A `Learner` of fastai, with its progress bar and recorder."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from torch import nn

from benchmarks.comparison.pictures import batches, validation
from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train; raises ImportError without fastai."""
    learner, core = import_module("fastai.learner"), import_module("fastai.data.core")
    optimizers, callbacks = import_module("fastai.optimizer"), import_module("fastai.callback.core")
    network = problem.network()
    optimizer = problem.optimizer(network)
    options = {name: optimizer.defaults[name] for name in ("momentum", "weight_decay") if name in optimizer.defaults}
    rate = optimizer.defaults["lr"]

    class Ticking(callbacks.Callback):  # type: ignore[misc, name-defined]
        def after_batch(self) -> None:
            if self.training:
                tick()

    learning = learner.Learner(
        core.DataLoaders(batches(problem, iterations), validation(problem)),
        network,
        loss_func=nn.CrossEntropyLoss(),
        opt_func=partial(optimizers.OptimWrapper, opt=partial(type(optimizer), **options)),
        lr=rate,
        cbs=[Ticking()],
    )
    learning.fit(1, rate)
    return network
