"""What a training does beside its steps: `python -m benchmarks.comparison.parts VARIANT` prints seconds as JSON.

One seed is trained as `dl4ia train` does it: in a worker process, with checkpoints, progress and MLflow.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from functools import wraps
from typing import Any

from benchmarks.comparison.problems import PROBLEMS
from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.execution.executor import Context
from dl4ia.execution.local import LocalProcesses
from dl4ia.progress import RunBars
from dl4ia.runs import train as trainings
from dl4ia.runs.code import training_version
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.training import loop
from dl4ia.training.checkpoint import Checkpointer

Job = tuple[trainings.Experiment, str]
Seconds = dict[str, float]


def main(name: str) -> None:
    """Train, and print what it took."""
    with temporary_copy() as layout:
        variant = config.load().variant(name)
        changes = {"seeds": (0,), "iterations": PROBLEMS[name].command}
        variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=changes)})
        experiment = trainings.Experiment(name, variant, 0, layout)
        before = _cpu()
        with RunBars() as bars, Live(layout) as live:

            def observe(progress: trainings.Progress | trainings.Moved) -> None:
                if isinstance(progress, trainings.Moved):
                    bars.between_points(progress)
                else:
                    bars.at_point(progress)
                    live(RunView(progress.experiment))

            (seconds,) = LocalProcesses().run(train, [(experiment, training_version(variant))], observe)
            seconds["progress and tracking, CPU of the other process"] = _cpu() - before
            ended = time.perf_counter()
        seconds["tracking after the end: model and pictures"] = time.perf_counter() - ended
        print(json.dumps(seconds))


def train(job: Job, context: Context) -> Seconds:
    """Train in this process; return what its parts took, and the whole."""
    seconds: Seconds = defaultdict(float)
    _time(loop, "_validation_metrics", "evaluation", seconds)
    _time(Checkpointer, "on_step", "checkpoints", seconds)
    for name in ("_Record", "_Reporter"):
        for hook in ("on_point", "on_step"):
            _time(getattr(trainings, name), hook, "history and progress", seconds)
    trainings.train(job, context)
    experiment, _ = job
    return {"training": experiment.run.status().seconds, **seconds}


def _time(owner: Any, name: str, part: str, seconds: Seconds) -> None:  # noqa: ANN401 (a module or a class)
    """Let a function add what it takes to a part."""
    function = getattr(owner, name)

    @wraps(function)
    def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (those of the function)
        started = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            seconds[part] += time.perf_counter() - started

    setattr(owner, name, timed)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1])
