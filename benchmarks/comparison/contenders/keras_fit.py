"""Keras on PyTorch: `fit` of the same layers, which Keras takes as a layer of its own."""

import os
from collections.abc import Callable
from importlib import import_module

from torch import nn, optim

from benchmarks.comparison.pictures import batches
from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train, with Keras's progress bar; raises ImportError without Keras."""
    os.environ["KERAS_BACKEND"] = "torch"
    keras, network = import_module("keras"), problem.network()
    shape, signature = problem.data.images.shape[1:], problem.task.signature
    outputs = (signature.classes, *(shape[1:] if signature.dense else ()))
    layer = keras.layers.TorchModuleWrapper(network, output_shape=outputs)
    axis = 1 if signature.dense else -1

    def loss(targets: object, logits: object) -> object:
        return keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True, axis=axis)

    class Ticking(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
            tick()

    model = keras.Sequential([keras.Input(shape, batch_size=problem.batch_size), layer])
    model.compile(optimizer=_optimizer(keras, problem.optimizer(network)), loss=loss)
    model.fit(batches(problem, iterations), callbacks=[Ticking()])
    return network


def _optimizer(keras: object, ours: optim.Optimizer) -> object:
    """Return Keras's optimizer of the same name and settings."""
    optimizers, options = keras.optimizers, ours.defaults  # type: ignore[attr-defined]
    if isinstance(ours, optim.SGD):
        return optimizers.SGD(options["lr"], momentum=options["momentum"])
    return optimizers.AdamW(options["lr"], weight_decay=options["weight_decay"])
