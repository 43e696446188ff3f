"""All seeds of variants, each trained into its run directory; an interrupted training is resumed."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from filelock import Timeout
from torch import Tensor

from dl4ia.base import atomic_files
from dl4ia.base.errors import DivergedError, RunError, StoppedError
from dl4ia.base.locks import file_lock
from dl4ia.config import Device, Params, Variant
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split, load_split
from dl4ia.execution.executor import Context, Executor
from dl4ia.execution.ticks import Ticks
from dl4ia.runs.code import training_version
from dl4ia.runs.datasets import load_partition
from dl4ia.runs.experiment import Standardizer, device_for, fit_network
from dl4ia.runs.layout import Layout
from dl4ia.runs.provenance import provenance
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.schemas import RunConfig, RunStatus, Standardization
from dl4ia.tasks import task_of
from dl4ia.training.callbacks import Callback
from dl4ia.training.checkpoint import Checkpointer
from dl4ia.training.loop import Point, Training

_PATIENCE = 5  # seconds to wait for a process that is about to stop


@dataclass(frozen=True)
class Experiment:
    """A variant and one of its seeds, and the working copy and device it is trained in."""

    name: str
    variant: Variant
    seed: int
    layout: Layout
    device: Device = "auto"

    @property
    def run(self) -> RunDirectory:
        """Where it is, or will be, on disk."""
        return self.layout.run(self.name, self.seed)

    @property
    def command(self) -> str:
        """The command that trains it."""
        return self.variant.training_command(self.name)

    def data(self) -> tuple[ImageSet, Split]:
        """Return the training partition and its split; the test partition is another file. Raises DataError."""
        task, strategy = task_of(self.variant.task), self.variant.settings.split.strategy
        data = load_partition(self.layout, task, "train")
        return data, load_split(self.layout.split(task.name, strategy), self.seed, len(data))


@dataclass(frozen=True)
class Progress:
    """A new point of an experiment's curves, or its end (`point` is None)."""

    experiment: Experiment
    point: Point | None


@dataclass(frozen=True)
class Moved:
    """How far an experiment is between two points: iterations done, and seconds taken."""

    experiment: Experiment
    step: int
    seconds: float


def experiments(params: Params, names: Sequence[str], layout: Layout) -> list[Experiment]:
    """Return one experiment for each seed of the named variants; raises ConfigError."""
    return [
        Experiment(name, variant, seed, layout, params.device)
        for name, variant in ((name, params.variant(name)) for name in names)
        for seed in variant.settings.seeds
    ]


def train_all(todo: Sequence[Experiment], executor: Executor, observe: Callable[[Progress | Moved], None]) -> None:
    """Train all experiments; each of them has ended then, or an exception is raised.

    A training that diverges has a result; any other failure stops all and is raised.
    """
    with ExitStack() as locks:
        for name in dict.fromkeys(experiment.name for experiment in todo):
            locks.enter_context(_exclusive_lock(name, todo[0].layout))
        versions = {experiment.name: training_version(experiment.variant) for experiment in todo}
        jobs = [(experiment, versions[experiment.name]) for experiment in todo]
        executor.run(train, jobs, observe)
    for experiment in todo:
        status = experiment.run.status()
        if not status.ended:
            state = f"{experiment.name}, seed {experiment.seed} is {status.state}"
            raise RunError(f"{experiment.run.path}: {state}: the same command resumes it")


@contextmanager
def _exclusive_lock(name: str, layout: Layout) -> Iterator[None]:
    """Make sure that no other process trains this variant here; raises RunError if one does."""
    path = layout.lock(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file_lock(path, _PATIENCE):
            yield
    except Timeout as error:
        raise RunError(f"another process trains {name} here: wait until it has finished, or stop it") from error


def train(job: tuple[Experiment, str], context: Context) -> None:
    """Train one experiment, with code of that version, into its run directory.

    Emits a Progress at each point and at the end, and a Moved every second. An earlier training of exactly this
    experiment is resumed from its last checkpoint. Raises what is no result of the training, after it is noted in the
    status.
    """
    experiment, code = job
    run = experiment.run
    device = device_for(experiment.device)
    data, split = experiment.data()
    standardizer = Standardizer.of(data.take(split.train).images, experiment.variant.settings)
    shutil.rmtree(run.path, ignore_errors=True)  # not before it is clear that there is something to train on
    config = _config(experiment, standardizer, code)
    run.write_config(config)
    record = _Record(run, RunStatus(state="running", seconds=0.0, **provenance(device)))
    checkpointer = Checkpointer(experiment.layout.checkpoints(config.checkpoints_key), context.stopping)
    callbacks = [checkpointer, record, _Reporter(experiment, context)]
    try:
        network = fit_network(experiment.variant, experiment.seed, data, split, standardizer, device, callbacks)
        weights = network.state_dict()
        _check_finite(weights)
        run.write_weights(weights)
    except StoppedError:
        record.end("stopped")
    except DivergedError as error:
        record.end("diverged", str(error))
    except Exception as error:
        record.end("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")
        if _is_lack_of_memory(error):
            reason = f"{experiment.name}, seed {experiment.seed}: not enough memory on {device}"
            raise RunError(f"{reason}: free some, or set a smaller batch_size, and run the same command") from error
        raise
    else:
        record.end("finished")
    context.emit(Progress(experiment, None))


def _check_finite(weights: Mapping[str, Tensor]) -> None:
    """Raise DivergedError if the last step, after which no loss is measured, made weights infinite."""
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise DivergedError(f"{name} is not finite after the last iteration")


def _is_lack_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; for that of the CPU, PyTorch has no exception of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@dataclass
class _Record(Callback):
    """Writes history and status of a run."""

    run: RunDirectory
    status: RunStatus
    rows: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run.write_status(self.status)

    def on_start(self, training: Training) -> None:
        if training.step:
            resumed = {"started": self.status.started - training.seconds, "resumed_at": training.step}
            self.status = self.status.model_copy(update=resumed)
            self.run.write_status(self.status)

    def on_point(self, training: Training, point: Point) -> None:  # noqa: ARG002
        self.rows.append(point.row)
        self.run.write_history(self.rows)

    def end(self, state: str, error: str | None = None) -> None:
        seconds = self.rows[-1]["seconds"] if self.rows else 0.0
        self.status = self.status.model_copy(update={"state": state, "error": error, "seconds": seconds})
        self.run.write_status(self.status)


@dataclass
class _Reporter(Callback):
    """Emits each point, and every second how far it is, to the process that started the training."""

    experiment: Experiment
    context: Context
    clock: Ticks = field(default_factory=Ticks)

    def on_point(self, training: Training, point: Point) -> None:  # noqa: ARG002
        self.context.emit(Progress(self.experiment, point))

    def on_step(self, training: Training) -> None:
        if self.clock.due():
            self.context.emit(Moved(self.experiment, training.step, training.seconds))


def _config(experiment: Experiment, standardizer: Standardizer, code: str) -> RunConfig:
    """Return all that decides the run, and nothing else."""
    inputs = trained_on(experiment.variant, experiment.layout)
    mean, std = standardizer.mean, standardizer.std
    return RunConfig(
        variant=experiment.name,
        task=experiment.variant.task,
        seed=experiment.seed,
        settings=inputs.settings,
        standardization=None if mean is None or std is None else Standardization(mean=list(mean), std=list(std)),
        data=inputs.data,
        split=inputs.split,
        code=code,
    )


@dataclass(frozen=True)
class Inputs:
    """What the runs of a variant are trained by and on, as `RunConfig` has it."""

    settings: dict[str, object]
    data: str
    split: str


def trained_on(variant: Variant, layout: Layout) -> Inputs:
    """Return what runs of a variant that are trained now have as inputs."""
    data, split = layout.dataset(variant.task, "train"), layout.split(variant.task, variant.settings.split.strategy)
    return Inputs(variant.settings.deciding, atomic_files.digest(data), atomic_files.digest(split))
