"""Times training steps on demand, of the code on the import path; `benchmarks.step` starts it once for each revision.

A line of the standard input is a question, answered with a number on the standard output: `peak` (operations a second
of a large matrix product), or `step`, `plain` (seconds) or `operations`, followed by a variant and the file of its
images. The answer is 0 where the code does not have that variant.
"""

import math
import sys
import time
from collections.abc import Callable
from importlib import import_module
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from dl4ia import config

BATCHES, SECONDS, MATRIX = 10, 0.1, 1024  # in the data; of a measurement; rows of the large matrix
Number = Callable[[], float]


def main(threads: int) -> None:
    """Answer questions until there are no more."""
    _set_up(threads)
    answers: dict[str, Number] = {}
    for question in sys.stdin:
        if question not in answers:
            what, *about = question.strip().split(maxsplit=2)
            answers[question] = _peak() if what == "peak" else _answer(what, *about)
        print(answers[question](), flush=True)


def _set_up(threads: int) -> None:
    """Prepare this process as the code prepares its workers."""
    try:
        import_module("dl4ia.execution.worker").set_up_torch(threads)
    except ImportError:  # 55ad3a9 and before
        torch.set_flush_denormal(True)
        torch.set_num_threads(threads)


def _peak() -> Number:
    matrix = torch.randn(MATRIX, MATRIX)
    seconds = _timed(lambda: matrix @ matrix)
    return lambda: 2 * MATRIX**3 / seconds()


def _timed(step: Callable[[], object]) -> Number:
    """Return what measures the seconds of a step, as the mean over a fraction of a second."""

    def seconds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - start) / count

    seconds(3)
    count = math.ceil(SECONDS / seconds(3))
    return lambda: seconds(count)


def _answer(what: str, name: str, path: str) -> Number:
    variant = config.load().variants.get(name)
    if variant is None:
        return lambda: 0.0
    size = variant.settings.batch_size
    with np.load(path) as file:
        images = torch.from_numpy(file["images"][: BATCHES * size]).float()
        targets = torch.from_numpy(file["targets"][: BATCHES * size]).long()
    images = (images - images.mean()) / images.std()
    if what == "plain":
        network = _listed(variant.settings.network, images, int(targets.max()) + 1) or _built(variant)
        loader = DataLoader(TensorDataset(images, targets), size, shuffle=True)
        batches = chain.from_iterable(repeat(loader))
        return _timed(_stepping(network, _optimizer(network, variant.settings), lambda: next(batches)))
    layout = torch.channels_last if variant.settings.channels_last else torch.contiguous_format
    network, images = _built(variant).to(memory_format=layout), images.contiguous(memory_format=layout)

    def batch() -> tuple[Tensor, Tensor]:
        indices = torch.randperm(len(images))[:size]
        return images[indices], targets[indices]

    step = _stepping(network, _optimizer(network, variant.settings), batch)
    return _timed(step) if what == "step" else lambda: _operations(step)


def _stepping(network: nn.Module, optimizer: torch.optim.Optimizer, batch: Callable[[], Any]) -> Callable[[], None]:
    def step() -> None:
        images, targets = batch()
        optimizer.zero_grad()
        cross_entropy(network(images), targets).backward()
        optimizer.step()

    return step


def _operations(step: Callable[[], None]) -> float:
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def _built(variant: Any) -> nn.Module:  # noqa: ANN401 (a variant of this or an earlier revision)
    try:
        network: nn.Module = import_module("dl4ia.runs.experiment").network_of(variant)
    except ImportError:  # 55ad3a9 and before
        network = import_module("dl4ia.experiment").network_for(variant)
    return network


def _optimizer(network: nn.Module, settings: Any) -> torch.optim.Optimizer:  # noqa: ANN401 (see above)
    if hasattr(settings.optimizer, "build"):
        optimizer: torch.optim.Optimizer = settings.optimizer.build(network, settings.regularization)
    else:  # 55ad3a9 and before
        optimizer_for = import_module("dl4ia.training.optimizers").optimizer_for
        optimizer = optimizer_for(network, settings.optimizer, settings.regularization)
    return optimizer


def _listed(config: Any, images: Tensor, classes: int) -> nn.Module | None:  # noqa: ANN401 (see above)
    """Return the report's network, of PyTorch's layers as it lists them; None for a kind that it does not have."""
    _, channels, height, width = images.shape
    layers: list[nn.Module] = []
    if config.kind == "mlp":
        sizes = (channels * height * width, *config.hidden)
        for pair in pairwise(sizes):
            layers += [nn.Linear(*pair), nn.ReLU()]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], classes))
    if config.kind == "cnn":
        for position, pair in enumerate(pairwise((channels, *config.feature_maps))):
            layers += [_convolution(*pair), nn.ReLU(), *([nn.MaxPool2d(2)] if position < config.pools else [])]
        pixels = (height >> config.pools) * (width >> config.pools)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(config.feature_maps[-1] * pixels, classes))
    if config.kind == "conv-deconv":
        sizes = tuple(config.width << level for level in range(config.levels + 1))
        for pair in pairwise((channels, *sizes[:-1])):
            layers += [_convolution(*pair), nn.MaxPool2d(2), nn.ReLU()]
        layers += [_convolution(sizes[-2], sizes[-1]), nn.ReLU()]
        for pair in pairwise(reversed(sizes)):
            layers += [nn.ConvTranspose2d(*pair, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(sizes[0], classes, kernel_size=1))
    return None


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, padding_mode="reflect")


if __name__ == "__main__":
    main(threads=int(sys.argv[1]))
