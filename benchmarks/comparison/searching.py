"""What a trial takes, in a study of this project and in one written the usual way."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import optuna
from joblib import cpu_count
from optuna.trial import FrozenTrial

from benchmarks.comparison.rows import Row
from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.config import OnSplit, Study
from dl4ia.config.studies import NoPruner, Random, Range
from dl4ia.execution.local import LocalProcesses
from dl4ia.search.run import SearchProgress, run_study
from dl4ia.search.storage import default_url
from dl4ia.tracking.live import Live
from dl4ia.tracking.studies import StudyView

ROUNDS, TRIALS = 5, 4
NAME: Final = "warwick-start"
ITERATIONS, POINTS, LAMBDAS = 200, 10, (1e-9, 1e-8)  # of a trial; of its curve; so small that all trials cost the same


def measure() -> Iterator[Row]:
    """Yield the seconds a trial of both, in turn."""
    ours, usual = [], []
    command = [sys.executable, "-m", "benchmarks.comparison.usual_search", str(TRIALS)]
    for _ in range(ROUNDS):
        ours.append(_ours())
        lines = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).split()  # noqa: S603
        usual.append(float(lines[-1]) / TRIALS)
    what = f"a trial of {ITERATIONS} iterations"
    yield Row.of(NAME, what, f"dl4ia search, {cpu_count()} workers of one thread", ours, ours=ours)
    yield Row.of(NAME, what, f"Optuna's optimize with MLflow's callback, {cpu_count()} threads", usual, ours=ours)


def seconds_of(trials: Sequence[FrozenTrial]) -> float:
    """Return the seconds from the start of the first trial to the end of the last."""
    starts = [trial.datetime_start for trial in trials if trial.datetime_start]
    ends = [trial.datetime_complete for trial in trials if trial.datetime_complete]
    return (max(ends) - min(starts)).total_seconds()


def _ours() -> float:
    """Search with MLflow, as `dl4ia search` does; return the seconds a trial."""
    with temporary_copy() as layout:
        study, url = _study(), default_url(layout)
        with Live(layout) as live:

            def observe(progress: SearchProgress) -> None:
                if progress.new:
                    live(StudyView(NAME, study, layout))

            run_study(NAME, study, layout, url, LocalProcesses(one_thread_each=True), observe)
        return seconds_of(optuna.load_study(study_name=NAME, storage=url).trials) / TRIALS


def _study() -> Study:
    changes = {
        "space": {"regularization.strength": Range(kind="range", low=LAMBDAS[0], high=LAMBDAS[1], log=True)},
        "sampler": Random(kind="random"), "pruner": NoPruner(kind="none"),
        "objective": OnSplit(kind="split", strategy="random"), "trials": TRIALS, "iterations": ITERATIONS,
        "evaluate_every": ITERATIONS // POINTS,
    }  # fmt: skip
    return config.load().study("lambda").model_copy(update=changes)
