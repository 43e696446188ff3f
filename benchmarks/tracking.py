"""What tracking costs a training: MLflow's database in this folder, and servers that fail.

`python -m benchmarks.tracking`, from the project's root, on a machine with nothing else to do; 38 minutes on two
cores. All of it trains the same two seeds of `warwick-start` on the images in out/dataset, in a folder that is
thrown away. Figures are medians over rounds in which all take their turn: the seconds that the trainings take, as
ratios to those without tracking just before and just after, as any machine that others use too is now faster and now
slower; and the CPU time that the trainings, in processes of their own, could have had: what the process that started
them takes meanwhile, and what all others take, of which a server is one that may run elsewhere.
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
from pathlib import Path
from typing import NamedTuple

import psutil
from joblib import cpu_count

from dl4ia import config
from dl4ia.experiment import experiments
from dl4ia.runs import Layout
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.train import Progress, train_all
from tests.faults.servers import Server

ROUNDS, ITERATIONS = 3, 2000
_SETTLED, _BUSY = 3, 5  # seconds, and percent of all cores: what nobody notices
_NAME = "warwick-start"


class Cost(NamedTuple):
    """Seconds."""

    training: float
    mine: float  # of CPU of the process that started it, while it trained
    others: float  # of CPU of all that is not the project's


def main() -> None:
    """Print each ratio when it is known, and the medians."""
    found: dict[str, list[tuple[float, Cost]]] = {}
    for _ in range(ROUNDS):
        for way, ratio, cost in _round():
            found.setdefault(way, []).append((ratio, cost))
            print(f"{way}: {ratio:+.1%}, {cost}", flush=True)
    print(f"{_NAME}, 2 seeds, {ITERATIONS} iterations, {ROUNDS} rounds, {cpu_count()} cores, medians:")
    for way, costs in found.items():
        ratio, (training, mine, others) = (
            statistics.median(ratio for ratio, _ in costs),
            (statistics.median(part) for part in zip(*(cost for _, cost in costs), strict=True)),
        )
        print(
            f"{way}: training {ratio:+.1%} of {training:.1f} s, CPU of the process that started it {mine:.1f} s, "
            f"of others {others:.1f} s"
        )


def _round() -> Iterator[tuple[str, float, Cost]]:
    """Yield of each way how much longer a training takes, and what it costs."""
    before = _cost(None)
    for way, address in _ways():
        with address as there:
            cost = _cost(there)
        after = _cost(None)
        yield way, 2 * cost.training / (before.training + after.training) - 1, cost
        before = after


def _ways() -> Iterator[tuple[str, AbstractContextManager[str]]]:
    from tests.faults.outages import OUTAGES  # noqa: PLC0415 (it imports MLflow, and a training must do so itself)

    with tempfile.TemporaryDirectory() as folder:
        for way in ("a new database in this folder", "the same when it is there"):
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
    """Train with what is tracked there, or without tracking."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        for name in ("dataset", "split"):
            shutil.copytree(Path("out") / name, layout.root / "out" / name)
        variant = config.load().variant(_NAME)
        fewer = {"seeds": (0, 1), "iterations": ITERATIONS, "evaluate_every": ITERATIONS // 50}
        variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=fewer)})
        todo = experiments(_NAME, variant, layout)
        os.environ["MLFLOW_TRACKING_URI"] = address or ""
        mine, everything = _cpu(resource.RUSAGE_SELF), _cpu_of_all()
        with Live(layout) if address else nullcontext() as live:

            def observe(progress: Progress) -> None:
                if live is not None:
                    live(RunView(progress.experiment))

            runs = train_all(todo, observe)
            mine, everything = _cpu(resource.RUSAGE_SELF) - mine, _cpu_of_all() - everything
        trainings = _cpu(resource.RUSAGE_CHILDREN)  # they have ended
        return Cost(sum(run.status["seconds"] for run in runs), mine, everything - mine - trainings)


def _cpu(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _cpu_of_all() -> float:
    used = psutil.cpu_times()
    return used.user + used.system + used.nice


if __name__ == "__main__":
    main()
