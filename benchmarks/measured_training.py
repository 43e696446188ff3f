"""Times real trainings on demand, of the code on the import path; `benchmarks.quick` starts it once for each revision.

A line of the standard input names a variant, a number of iterations and the folder of images and splits. It is answered
with the seconds of one training by `fit_network`, from the end of its warm-up to its end, or 0 where the code does not
have that variant.
"""

import sys
import time
from pathlib import Path

import torch

from dl4ia import config
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import load_split
from dl4ia.execution.worker import set_up_torch
from dl4ia.runs.experiment import Standardizer, fit_network
from dl4ia.runs.layout import Layout
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Training

_WARM_UP = 10  # iterations


class _Clock(Callback):
    """The times at which iterations end."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_step(self, training: Training) -> None:  # noqa: ARG002
        self.ticks.append(time.perf_counter())


def main(threads: int) -> None:
    """Answer questions until there are no more."""
    set_up_torch(threads)
    for question in sys.stdin:
        name, iterations, folder = question.strip().split(maxsplit=2)
        print(_seconds(name, int(iterations), Layout(Path(folder))), flush=True)


def _seconds(name: str, iterations: int, layout: Layout) -> float:
    params, clock = config.load(), _Clock()
    if name not in params.variants:
        return 0.0
    variant = params.variant(name)
    total = _WARM_UP + iterations
    changes = {"iterations": total, "evaluate_every": total}
    variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=changes)})
    data = ImageSet.load(layout.dataset(variant.task, "train"))
    split = load_split(layout.split(variant.task, variant.settings.split.strategy), 0, len(data))
    standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
    fit_network(variant, 0, data, split, standardizer, torch.device("cpu"), [clock])
    return clock.ticks[-1] - clock.ticks[_WARM_UP - 1]


if __name__ == "__main__":
    main(threads=int(sys.argv[1]))
