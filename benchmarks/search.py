"""What searching costs: one worker against two, and a trial against the bare training loop.

`python -m benchmarks.search`, from the project's root, on a machine with nothing else to do; twenty-five minutes on two
cores. All of it trains the same network for the same number of iterations on the training images in out/dataset; the
studies are kept in a temporary folder. Values are medians over rounds in which all take their turn.
"""

import time
from dataclasses import dataclass
from statistics import median
from typing import Final

import torch

from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.config import Choices, OnSplit, Study
from dl4ia.config.studies import Grid, NoPruner
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import load_split
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.experiment import Standardizer, device_for, fit_network
from dl4ia.runs.layout import Layout
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url

ROUNDS, TRIALS, ITERATIONS = 3, 6, 2000
_NAME = "benchmark"
_STRATEGY: Final = "random"


def main() -> None:
    """Print the medians and the ratios."""
    layout, study = Layout(), _study()
    rounds = [(_search(study, 1), _search(study, 2), _bare(layout, study)) for _ in range(ROUNDS)]
    one, two, bare = zip(*rounds, strict=True)
    speed_up = median(single.whole / double.whole for single, double in zip(one, two, strict=True))
    overhead = median(single.trials / loop - 1 for single, loop in zip(one, bare, strict=True))
    whole = [median(study.whole for study in studies) for studies in (one, two)]
    print(f"{TRIALS} trials of {ITERATIONS} iterations, {ROUNDS} rounds, medians:")
    print(f"one worker {whole[0]:.1f} s, two workers {whole[1]:.1f} s, start to end: {speed_up:.2f} times as fast")
    print(f"bare training loop {median(bare):.1f} s; the same as trials of one worker: {overhead:+.1%}")


@dataclass(frozen=True)
class Seconds:
    """What a study took: as a whole, and from the start of its first trial to the end of its last."""

    whole: float
    trials: float


def _study() -> Study:
    """Return a grid whose points all train the network that the variations start from."""
    strengths = Choices(kind="choices", choices=tuple(index / 1e9 for index in range(TRIALS)))
    return (
        config.load()
        .study("lambda")
        .model_copy(
            update={
                "space": {"regularization.strength": strengths},
                "sampler": Grid(kind="grid"),
                "pruner": NoPruner(kind="none"),
                "objective": OnSplit(kind="split", strategy=_STRATEGY),
                "trials": TRIALS,
                "iterations": ITERATIONS,
                "evaluate_every": ITERATIONS // 10,
            }
        )
    )


def _search(study: Study, workers: int) -> Seconds:
    """Run the study in a new working copy, with so many workers of one thread each."""
    with temporary_copy() as copy:
        executor = LocalProcesses(workers, one_thread_each=True)
        started = time.perf_counter()
        run_study(_NAME, study, copy, default_url(copy), executor, lambda _: None)
        whole = time.perf_counter() - started
        trials = copy.study(_NAME).table("trials")
    return Seconds(whole, (trials["started"] + trials["seconds"]).max() - trials["started"].min())


def _bare(layout: Layout, study: Study) -> float:
    """Train the same networks without a study, a process or a file; return the seconds."""
    torch.set_flush_denormal(True)  # as workers do
    torch.set_num_threads(1)
    images = ImageSet.load(layout.dataset(study.task, "train"))
    split = load_split(layout.split(study.task, _STRATEGY), study.seed, len(images))
    device = device_for("auto")
    started = time.perf_counter()
    for point in study.grid():
        variant = study.variant(point)
        standardizer = Standardizer.of(images.take(split.train).images, variant.settings)
        fit_network(variant, study.seed, images, split, standardizer, device)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
