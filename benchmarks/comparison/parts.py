"""What a training does beside its steps: `python -m benchmarks.comparison.parts VARIANT` prints seconds as JSON.

Two seeds are trained as `dl4ia train` does it: side by side in worker processes, with checkpoints, progress and MLflow.
All that is printed is of one of them, but for what all seeds of a command share: MLflow's start.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import wraps
from statistics import mean
from typing import Any

from benchmarks.comparison.problems import PROBLEMS
from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.execution.executor import Context
from dl4ia.execution.local import LocalProcesses
from dl4ia.progress import RunBars
from dl4ia.runs import train as trainings
from dl4ia.runs.code import training_version
from dl4ia.runs.layout import Layout
from dl4ia.tracking import live
from dl4ia.tracking.runs import RunView
from dl4ia.training import loop
from dl4ia.training.checkpoint import Checkpointer

Job = tuple[trainings.Experiment, str]
Seconds = dict[str, float]
_SEEDS = (0, 1)


def main(name: str) -> None:
    """Train, and print what it took."""
    variant = config.load().variant(name)
    changes = {"seeds": _SEEDS, "iterations": PROBLEMS[name].command}
    variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=changes)})
    with temporary_copy() as layout:
        jobs = [(trainings.Experiment(name, variant, seed, layout), training_version(variant)) for seed in _SEEDS]
        print(json.dumps(_measured(jobs, layout)))


def _measured(jobs: list[Job], layout: Layout) -> Seconds:
    connecting, updates = _times(live, "_connected", time.thread_time), _times(live, "_update", time.thread_time)
    before = _cpu()
    with RunBars() as bars, live.Live(layout) as tracking:
        tracking.start()

        def observe(progress: trainings.Progress | trainings.Moved) -> None:
            if isinstance(progress, trainings.Moved):
                bars.between_points(progress)
            else:
                bars.at_point(progress)
                tracking(RunView(progress.experiment))

        trained = LocalProcesses().run(train, jobs, observe)
        used = _cpu() - before
    seconds = {part: mean(each[part] for each in trained) for part in trained[0]}
    first, second = updates[-len(jobs) :]  # at the end of both: the first one imports what models need
    seconds["progress and tracking, CPU of the other process"] = (used - sum(connecting)) / len(jobs)
    seconds["tracking after the end: model and pictures"] = second
    seconds["MLflow's start, once a command"] = sum(connecting) + first - second
    return seconds


def train(job: Job, context: Context) -> Seconds:
    """Train in this process; return what its parts took, and the whole."""
    parts = {"evaluation": _times(loop, "_validation_metrics"), "checkpoints": _times(Checkpointer, "on_step")}
    hooks = [(getattr(trainings, name), hook) for name in ("_Record", "_Reporter") for hook in ("on_point", "on_step")]
    progress = [_times(owner, hook) for owner, hook in hooks]
    trainings.train(job, context)
    experiment, _ = job
    seconds = {part: sum(times) for part, times in parts.items()}
    seconds["history and progress"] = sum(sum(times) for times in progress)
    return {"training": experiment.run.status().seconds, **seconds}


def _times(owner: Any, name: str, clock: Callable[[], float] = time.perf_counter) -> list[float]:  # noqa: ANN401
    """Let a function of a module or class note what each call of it takes; return the list that will have it."""
    function, times = getattr(owner, name), list[float]()

    @wraps(function)
    def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (those of the function)
        started = clock()
        try:
            return function(*arguments, **options)
        finally:
            times.append(clock() - started)

    setattr(owner, name, timed)
    return times


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1])
