"""What searching costs: one worker against two, and a trial against the bare training loop.

`python -m benchmarks.search`, from the project's root, on a machine with nothing else to do; twenty-five minutes on two
cores. All of it trains the same network for the same number of iterations on the training images in out/dataset; the
studies are kept in a folder that is thrown away. Times are medians over rounds in which all take their turn.
"""

import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from dl4ia import config
from dl4ia.config.studies import Choices, Grid, NoPruner, OnSplit, Study
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import load_split
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.experiment import Standardizer, device_for, fit_network
from dl4ia.runs.layout import Layout
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url

ROUNDS, TRIALS, ITERATIONS = 3, 6, 2000


def main() -> None:
    """Print the medians and the ratios."""
    here, study = Layout(), _study()
    rounds = [(_search(here, study, 1), _search(here, study, 2), _bare(here, study)) for _ in range(ROUNDS)]
    speed_up = statistics.median(one.all / two.all for one, two, _ in rounds)
    overhead = statistics.median(one.trials / bare - 1 for one, _, bare in rounds)
    alone, together, loop = (
        statistics.median(times)
        for times in (
            [one.all for one, _, _ in rounds],
            [two.all for _, two, _ in rounds],
            [bare for *_, bare in rounds],
        )
    )
    print(f"{TRIALS} trials of {ITERATIONS} iterations, {ROUNDS} rounds, medians:")
    print(f"one worker {alone:.1f} s, two workers {together:.1f} s, start to end: {speed_up:.2f} times as fast")
    print(f"bare training loop {loop:.1f} s; the same as trials of one worker: {overhead:+.1%}")


@dataclass(frozen=True)
class Seconds:
    """What a study took, from start to end, and from its first trial to the end of its last."""

    all: float
    trials: float


def _study() -> Study:
    """Return a grid whose points all train the network that the variations start from."""
    study = config.load().studies["lambda"]
    seeds = {"regularization.strength": Choices(kind="choices", choices=tuple(i / 1e9 for i in range(TRIALS)))}
    return study.model_copy(
        update={
            "space": seeds,
            "sampler": Grid(kind="grid"),
            "pruner": NoPruner(kind="none"),
            "objective": OnSplit(kind="split", strategy="random"),
            "trials": TRIALS,
            "iterations": ITERATIONS,
            "evaluate_every": ITERATIONS // 10,
        }
    )


def _search(here: Layout, study: Study, workers: int) -> Seconds:
    with tempfile.TemporaryDirectory() as folder:
        there = Layout(Path(folder))
        for path in (here.dataset("warwick", "train"), here.split("warwick", "random")):
            copy = there.root / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        executor = LocalProcesses(workers, one_thread_each=True)
        started = time.perf_counter()
        run_study("benchmark", study, there, default_url(there), executor, lambda _: None)
        took = time.perf_counter() - started
        trials = there.study("benchmark").table("trials")
    return Seconds(took, (trials["started"] + trials["seconds"]).max() - trials["started"].min())


def _bare(here: Layout, study: Study) -> float:
    """Train the same networks without a study, a process or a file; return the seconds."""
    torch.set_num_threads(1)
    images = ImageSet.load(here.dataset("warwick", "train"))
    split = load_split(here.split("warwick", "random"), study.seed, len(images))
    started = time.perf_counter()
    for point in study.grid():
        variant = study.variant(point)
        standardizer = Standardizer.of(images.take(split.train).images, variant.settings)
        fit_network(variant, study.seed, images, split, standardizer, device_for("auto"))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
