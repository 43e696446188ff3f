"""How searching and tracking grow: `python -m benchmarks.scale`, from the root of the project, nothing else running.

Writes `results/scale.csv`. Needs PostgreSQL, of which it starts a server of its own, and images in out/dataset; takes
half an hour on two cores. It measures

- trials an hour of one and two processes of this machine, and of one and two workers of a Dask cluster on it, all with
  their study in PostgreSQL: medians of rounds in which all take their turn;
- the most connections to PostgreSQL that one and two processes of this machine have at once;
- what a trial costs beside its training once so many have been stored: the same code, with an objective that returns at
  once what a training of some points would have left;
- `make publish` of many runs into an empty SQLite file, and once more.
"""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import optuna
import pandas as pd
from joblib import cpu_count
from optuna.trial import TrialState, create_trial

from benchmarks.connections import counted
from benchmarks.copies import temporary_copy
from benchmarks.publishing import seconds_to_publish
from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.config import OnSplit, Study
from dl4ia.config.studies import NoPruner, Random, Range
from dl4ia.execution.cluster import DaskCluster
from dl4ia.execution.executor import Context, Emit, Executor, Job, Result
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.layout import Layout
from dl4ia.search import worker
from dl4ia.search.objective import Objective
from dl4ia.search.run import SearchProgress, run_study
from dl4ia.search.storage import open_study
from tests.execution.clusters import cluster
from tests.search.postgresql import server

ROUNDS, TRIALS, ITERATIONS = 3, 4, 300
STORED, POINTS, NEW = (100, 1_000, 10_000), 12, 20
RUNS = 1_000
_STRATEGY: Final = "random"
_RESULT = Path("results/scale.csv")


def main() -> None:
    """Measure all, print it, and write the table."""
    with server() as url:
        # Connections first: workers of a cluster that has ended give theirs back when they like.
        rows = [*_connections(url), *_throughput(url), *_growth(url), *_publishing()]
    machine = f"{platform.machine()}, {cpu_count()} cores"
    table = pd.DataFrame(rows, columns=["what", "size", "value", "unit"]).assign(machine=machine)
    atomic_files.write_csv(_RESULT, table)
    print(table.to_string(index=False))


Row = tuple[str, int, float, str]


def _throughput(url: str) -> list[Row]:
    """Return trials an hour of 1 and 2 processes, here and in a cluster."""
    measured: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as stack:
        clusters = {count: stack.enter_context(cluster(Path.cwd(), count)) for count in (1, 2)}
        executors: dict[tuple[str, int], Executor] = {}
        for count, started in clusters.items():
            executors["local", count] = LocalProcesses(count, one_thread_each=True)
            executors["cluster", count] = DaskCluster(started.address)
        for turn in range(ROUNDS):
            for (kind, count), executor in executors.items():
                seconds = _search(f"{kind}-{count}-{turn}", TRIALS * count, executor, url)
                measured.setdefault((kind, count), []).append(3600 * TRIALS * count / seconds)
    return [
        (f"trials of {ITERATIONS} iterations, {kind}", count, statistics.median(values), "an hour")
        for (kind, count), values in measured.items()
    ]


def _connections(url: str) -> list[Row]:
    """Return the most connections to PostgreSQL at once, of 1 and 2 processes and the one that starts them."""
    rows: list[Row] = []
    for count in (1, 2):
        with counted(url) as counts:
            _search(f"connections-{count}", 2 * count, LocalProcesses(count, one_thread_each=True), url)
        rows.append(("connections to PostgreSQL", count, max(counts), ""))
    return rows


def _search(name: str, trials: int, executor: Executor, url: str) -> float:
    """Return the seconds from the start of the first trial to the end of the last of a new study."""
    with temporary_copy() as layout:
        run_study(name, _study(trials), layout, url, executor, lambda _progress: None)
    trials_of = optuna.load_study(study_name=name, storage=url).get_trials(deepcopy=False)
    starts, ends = zip(*((each.datetime_start, each.datetime_complete) for each in trials_of), strict=True)
    return float((max(ends) - min(starts)).total_seconds())


def _study(trials: int) -> Study:
    """Return a study of one network, of which no two trials are the same."""
    changes = {
        "space": {"regularization.strength": Range(kind="range", low=1e-9, high=1e-8, log=True)},
        "sampler": Random(kind="random"),
        "pruner": NoPruner(kind="none"),
        "objective": OnSplit(kind="split", strategy=_STRATEGY),
        "trials": trials,
        "iterations": ITERATIONS,
        "evaluate_every": ITERATIONS // POINTS,
    }
    return config.load().study("lambda").model_copy(update=changes)


def _growth(url: str) -> list[Row]:
    """Return what a trial costs in studies of several sizes, in seconds."""
    rows: list[Row] = []
    setattr(worker, "Objective", _Instant)  # noqa: B010 (a class that training is left out of)
    for stored in STORED:
        name, study = f"stored-{stored}", _study(stored + NEW)
        with temporary_copy() as layout:
            opened = open_study(name, study, layout, url)
            opened.study.add_trials([_finished(number) for number in range(stored)])
            rows.append(("seconds a trial beside its training", stored, _seconds(name, study, layout, url), "s"))
    return rows


def _seconds(name: str, study: Study, layout: Layout, url: str) -> float:
    """Return what a trial takes, from the end of the first new one to that of the last."""
    ends: list[float] = []

    def note(_progress: SearchProgress) -> None:
        ends.append(time.perf_counter())

    run_study(name, study, layout, url, _Here(), note)
    return (ends[NEW] - ends[1]) / (NEW - 1)  # ends[0] is before any


def _publishing() -> list[Row]:
    """Return what it takes to show many runs in MLflow, and to find that all are there."""
    first, again = seconds_to_publish(RUNS)
    return [("publishing runs", RUNS, first, "s"), ("publishing them again", RUNS, again, "s")]


def _curves(number: int) -> list[dict[str, float]]:
    """Return points of a curve as those of a training."""
    rng = np.random.default_rng(number)
    names = ("train/loss", "train/dice", "validation/loss", "validation/dice")
    return [
        {"fold": 1, "step": step, "epoch": step / 3, "seconds": step / 7, "learning_rate": 0.01}
        | dict(zip(names, rng.random(len(names)).tolist(), strict=True))
        for step in range(POINTS)
    ]


def _finished(number: int) -> optuna.trial.FrozenTrial:
    low, high = 1e-9, 1e-8
    return create_trial(
        state=TrialState.COMPLETE,
        value=float(np.random.default_rng(number).random()),
        params={"regularization.strength": low + (high - low) * number / STORED[-1]},
        distributions={"regularization.strength": optuna.distributions.FloatDistribution(low, high, log=True)},
        user_attrs={"curves": _curves(number)},
    )


class _Instant(Objective):
    """Draws a point as ever, and trains nothing."""

    def __call__(self, trial: optuna.Trial) -> float:
        self._point(trial)
        trial.set_user_attr("curves", _curves(trial.number))
        return float(np.random.default_rng(trial.number).random())


class _Here:
    """An executor whose one worker is this process: what worker and starter do is then measured together."""

    workers = 1

    def run(self, work: Callable[[Job, Context], Result], jobs: Sequence[Job], on_event: Emit) -> list[Result]:
        return [work(job, Context(on_event, lambda: False)) for job in jobs]


if __name__ == "__main__":
    main()
