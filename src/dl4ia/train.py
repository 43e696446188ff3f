"""All seeds of a variant, each trained into its run directory; what was interrupted goes on."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from dl4ia import files
from dl4ia.errors import DivergedError, RunError, StoppedError
from dl4ia.experiment import Experiment, Normalization, device_for, fit_network, training_data
from dl4ia.parallel import Emit, run_side_by_side, stopping
from dl4ia.provenance import code_hash, provenance
from dl4ia.runs import Layout, RunDirectory
from dl4ia.training.checkpoint import Checkpoints
from dl4ia.training.loop import Point

_PATIENCE = 5  # seconds that one waits for a process that is about to stop


@dataclass(frozen=True)
class Progress:
    """A new point of an experiment's curves, or the end of it (`point` is None)."""

    experiment: Experiment
    point: Point | None


def train_all(todo: Sequence[Experiment], observe: Callable[[Progress], None]) -> list[RunDirectory]:
    """Train side by side in processes; return the finished runs.

    A run that fails is marked so and the others go on; raises RunError for a variant of which no run is left.
    """
    with ExitStack() as held:
        for name in dict.fromkeys(experiment.name for experiment in todo):
            held.enter_context(_alone(name, todo[0].layout))
        run_side_by_side(train, todo, observe)
    finished = [experiment for experiment in todo if experiment.run.finished]
    for name in dict.fromkeys(experiment.name for experiment in todo):
        if name not in {experiment.name for experiment in finished}:
            reason = next(experiment.run.status["error"] for experiment in todo if experiment.name == name)
            raise RunError(f"every run of {name} failed: {reason}")
    return [experiment.run for experiment in finished]


@contextmanager
def _alone(name: str, layout: Layout) -> Iterator[None]:
    """Make sure that nobody else trains this variant here; raises RunError if somebody does."""
    lock = FileLock(layout.lock(name))
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise RunError(f"another process trains {name} here: wait until it is done, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def train(experiment: Experiment, emit: Emit) -> None:
    """Train one experiment into its run directory, emitting a Progress at each point and at the end.

    An earlier training of just this experiment goes on from its last checkpoint.
    """
    run, settings = experiment.run, experiment.variant.settings
    device = device_for(settings.device)
    status = provenance(device) | {"state": "running", "started": time.time(), "seconds": 0.0}
    data, split = training_data(experiment)
    normalization = Normalization.of(data.take(split.train).images)
    shutil.rmtree(run.path, ignore_errors=True)  # not before it is clear that there is something to train on
    run.write_config(_config(experiment, normalization))
    run.write_status(status)
    rows: list[dict[str, float]] = []
    checkpoints = Checkpoints(experiment.layout.checkpoints(run.key), stopping)

    def observe(point: Point) -> None:
        if not rows and checkpoints.step:
            status.update(started=status["started"] - checkpoints.seconds, resumed_at=checkpoints.step)
            run.write_status(status)
        rows.append({"step": point.step, "epoch": point.epoch, "seconds": point.seconds} | point.metrics)
        run.write_history(rows)
        emit(Progress(experiment, point))

    try:
        network = fit_network(
            experiment.variant, experiment.seed, data, split, normalization, device, observe, checkpoints
        )
    except StoppedError:
        status |= {"state": "stopped"}
    except (DivergedError, RuntimeError, MemoryError) as error:  # PyTorch's own errors are RuntimeErrors
        status |= {"state": "failed", "error": f"{experiment.name}, seed {experiment.seed}: {error}"}
    else:
        run.write_weights(network.state_dict())
        status |= {"state": "finished"}
    run.write_status(status | {"seconds": rows[-1]["seconds"] if rows else 0.0})
    emit(Progress(experiment, None))


def forget_checkpoints(evaluated: Sequence[Experiment]) -> None:
    """Remove the checkpoints of runs that are kept for good.

    Not done as soon as a run has finished: DVC empties the directories of a stage that did not come to its own end, and
    then those seeds that were done are had again from their last checkpoints.
    """
    for experiment in evaluated:
        shutil.rmtree(experiment.layout.checkpoints(experiment.run.key), ignore_errors=True)


def _config(experiment: Experiment, normalization: Normalization) -> dict[str, Any]:
    """Return all that decides the run, and nothing else."""
    layout, variant = experiment.layout, experiment.variant
    settings = variant.settings.model_dump(mode="json", exclude={"seeds", "device"})
    return {
        "variant": experiment.name,
        "task": variant.task,
        "seed": experiment.seed,
        "settings": settings,
        "normalization": {"mean": normalization.mean, "std": normalization.std},
        "data": files.digest(layout.dataset(variant.task, "train")),
        "split": files.digest(layout.split(variant.task, variant.settings.split.strategy)),
        "code": code_hash(),
    }
