"""What tracking costs a training: MLflow's database in this folder, and servers that fail.

`python -m benchmarks.tracking`, from the project's root, on a machine with nothing else to do; 38 minutes on two
cores. All of it trains the same two seeds of `warwick-start` on the images in out/dataset, in a folder that is
thrown away. Printed are medians over rounds in which all take their turn: the seconds that the trainings take, as
ratios to those without tracking just before and just after, as the speed of any shared machine changes; and the CPU
time that the trainings, in processes of their own, could have had: what the process that started them takes meanwhile,
and what all others take, of which a server is one that may run elsewhere.
"""

import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

import psutil
from joblib import cpu_count

from dl4ia import config
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import Moved, Progress, experiments, train_all
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from tests.faults.servers import Server

ROUNDS, ITERATIONS = 3, 2000
_SETTLED, _BUSY = 3, 5  # seconds, and percent of all cores that do not matter
_NAME = "warwick-start"


class Cost(NamedTuple):
    """Seconds."""

    training: float
    starter: float  # of CPU of the process that started it, while it trained
    others: float  # of CPU of all that is not the project's


def main() -> None:
    """Print each ratio when it is known, and the medians."""
    measured: dict[str, list[tuple[float, Cost]]] = {}
    for _ in range(ROUNDS):
        for way, ratio, cost in _round():
            measured.setdefault(way, []).append((ratio, cost))
            print(f"{way}: {ratio:+.1%}, {cost}", flush=True)
    print(f"{_NAME}, 2 seeds, {ITERATIONS} iterations, {ROUNDS} rounds, {cpu_count()} cores, medians:")
    for way, costs in measured.items():
        ratio, (training, starter, others) = (
            statistics.median(ratio for ratio, _ in costs),
            (statistics.median(part) for part in zip(*(cost for _, cost in costs), strict=True)),
        )
        print(
            f"{way}: training {ratio:+.1%} of {training:.1f} s, CPU of the process that started it {starter:.1f} s, "
            f"of others {others:.1f} s"
        )


def _round() -> Iterator[tuple[str, float, Cost]]:
    """Yield of each way how much longer a training takes, and what it costs."""
    before = _cost(None)
    for way, address in _ways():
        with address as known:
            cost = _cost(known)
        after = _cost(None)
        yield way, 2 * cost.training / (before.training + after.training) - 1, cost
        before = after


def _ways() -> Iterator[tuple[str, AbstractContextManager[str]]]:
    from tests.faults.outages import OUTAGES  # noqa: PLC0415 (it imports MLflow, and a training must do so itself)

    with tempfile.TemporaryDirectory() as folder:
        for way in ("a new database in this folder", "the same when it exists"):
            yield way, nullcontext(f"sqlite:///{folder}/mlflow.db")
        for outage in OUTAGES:
            with Server(Path(folder) / outage.__name__) as server:
                yield f"a server {outage.__name__.replace('_', ' ')}", outage(server)


def _cost(address: str | None) -> Cost:
    """Train in a new process, as a stage does, when a server that has just been started has no more to do."""
    while psutil.cpu_percent(_SETTLED) > _BUSY:
        pass
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train, address).result()


def _train(address: str | None) -> Cost:
    """Train with tracking at an address, or without."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        for name in ("dataset", "split"):
            shutil.copytree(Path("out") / name, layout.root / "out" / name)
        params = config.load()
        variant = params.variant(_NAME)
        fewer = {"seeds": (0, 1), "iterations": ITERATIONS, "evaluate_every": ITERATIONS // 50}
        variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=fewer)})
        todo = experiments(params.model_copy(update={"variants": {_NAME: variant}}), [_NAME], layout)
        os.environ["MLFLOW_TRACKING_URI"] = address or ""
        starter, everything = _cpu(resource.RUSAGE_SELF), _cpu_of_all()
        with Live(layout) if address else nullcontext() as live:

            def observe(progress: Progress | Moved) -> None:
                if live is not None and isinstance(progress, Progress):
                    live(RunView(progress.experiment))

            train_all(todo, LocalProcesses(), observe)
            starter, everything = _cpu(resource.RUSAGE_SELF) - starter, _cpu_of_all() - everything
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001 (it has the CPU time of all workers)
        trainings = _cpu(resource.RUSAGE_CHILDREN)
        seconds = sum(experiment.run.status().seconds for experiment in todo)
        return Cost(seconds, starter, everything - starter - trainings)


def _cpu(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _cpu_of_all() -> float:
    used = psutil.cpu_times()
    return used.user + used.system + used.nice


if __name__ == "__main__":
    main()
