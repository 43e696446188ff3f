"""Finished runs against the sets they may be tested on: the only module that opens a test set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from dl4ia.base.errors import RunError
from dl4ia.config import Params
from dl4ia.config.variants import Row, TestTime
from dl4ia.data.imageset import ImageSet
from dl4ia.execution.executor import Context, Executor
from dl4ia.metrics.classification import confusion_matrix
from dl4ia.models.description import layers
from dl4ia.models.network import weight_count
from dl4ia.runs.datasets import load_partition
from dl4ia.runs.experiment import network_of, optimizer_of
from dl4ia.runs.layout import Layout
from dl4ia.runs.predictions import mean_log_probability, predictions
from dl4ia.runs.results import Metrics, ResultDirectory, RunRecord, VariantRecord, left_chance_level
from dl4ia.runs.schemas import RunStatus
from dl4ia.runs.test_evaluations import record_evaluation
from dl4ia.runs.train import Experiment, Inputs, experiments, trained_on
from dl4ia.tasks import Task, task_of
from dl4ia.tasks.figures import confusion, save

_SWITCHES = {"foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay"}  # of PyTorch
_SPELLED = {"test": "test set", "test_a": "test A", "test_b": "test B"}


@dataclass(frozen=True)
class Job:
    """A network, or several whose probabilities are averaged, to evaluate under the number `seed`.

    `separation` is that of single objects, None where these are not measured.
    """

    name: str
    members: tuple[Experiment, ...]
    test_time: TestTime
    separation: float | None
    seed: int


@dataclass(frozen=True)
class Measured:
    """What is done of the evaluation of a run, 0 to 1, and of how many runs it is one."""

    seed: int
    done: float
    runs: int


Observer = Callable[[Measured], None]


@dataclass(frozen=True)
class Evaluated:
    """What was measured of one job: metrics by part and name, and the tables that results/ keeps."""

    metrics: Metrics
    images: pd.DataFrame
    confusion: pd.DataFrame
    calibration: pd.DataFrame


def _ignore(_progress: Measured) -> None:
    """Report nothing."""


def evaluate_variant(
    name: str, params: Params, layout: Layout, executor: Executor, observe: Observer = _ignore
) -> ResultDirectory:
    """Evaluate every finished run of a variant, and write its results; runs that diverged have no metrics.

    Raises RunError unless every run has ended, and was trained by the settings and on the images that there are now.
    """
    variant, todo = params.variant(name), experiments(params, [name], layout)
    _check_inputs(todo)
    finished = [each for each in todo if _ended(each).state == "finished"]
    jobs = [Job(name, (each,), variant.test_time, _separation(variant), each.seed) for each in finished]
    record_evaluation(layout, name, [each.run.config().key for each in finished], variant.test_time)
    evaluated = _evaluate_all(jobs, executor, observe)
    task = task_of(variant.task)
    records = []
    for each in todo:
        trained = each.seed in evaluated and left_chance_level(evaluated[each.seed].metrics, task)
        records.append(RunRecord.of(each.seed, each.run.config().key, _ended(each), trained=trained))
    curves = [each.run.history().assign(seed=each.seed) for each in todo]
    return _write(name, layout, todo[0], records, evaluated, curves, executor)


def evaluate_ensemble(
    name: str, params: Params, layout: Layout, executor: Executor, observe: Observer = _ignore
) -> ResultDirectory:
    """Evaluate the mean probability of all finished runs of the members, and write the results.

    Raises RunError if a run is missing, has not ended or was trained otherwise than now, or if none has finished.
    """
    ensemble = params.ensemble(name)
    todo = experiments(params, ensemble.members, layout)
    _check_inputs(todo)
    finished = tuple(each for each in todo if _ended(each).state == "finished")
    if not finished:
        raise RunError(f"params.yaml: ensembles.{name}: no run of {', '.join(ensemble.members)} has finished")
    job = Job(name, finished, ensemble.test_time, _separation(ensemble), 0)
    record_evaluation(layout, name, [each.run.config().key for each in finished], ensemble.test_time)
    evaluated = _evaluate_all([job], executor, observe)
    trained = left_chance_level(evaluated[0].metrics, task_of(ensemble.task))
    of_first = RunRecord.of(0, finished[0].run.config().key, _ended(finished[0]), trained=trained)
    seconds = sum(_ended(each).seconds for each in finished)
    members = tuple(f"{each.name}/seed-{each.seed}" for each in finished)
    record = of_first.model_copy(update={"seconds": seconds, "members": members})
    return _write(name, layout, finished[0], [record], evaluated, [], executor)


def _separation(row: Row) -> float | None:
    return None if row.objects is None else row.objects.separation


def _evaluate_all(jobs: Sequence[Job], executor: Executor, observe: Observer) -> dict[int, Evaluated]:
    """Return what was measured of each job, by its number."""

    def note(event: tuple[int, float]) -> None:
        seed, done = event
        observe(Measured(seed, done, len(jobs)))

    results = executor.run(evaluate, jobs, note)
    return dict(zip((job.seed for job in jobs), results, strict=True))


def evaluate(job: Job, context: Context) -> Evaluated:
    """Measure one job on all parts, and draw confusion matrices and examples of the test sets.

    Of a single run the share of dead units is measured, too, on its training images.

    Emits the number of the job and what of it is done, 0 to 1, after each part.
    """
    task = task_of(job.members[0].variant.task)
    evaluator = task.evaluator()
    metrics: Metrics = {}
    images, counts, bins = [], [], []
    parts = _parts(job, task)
    for done, (part, part_images) in enumerate(parts, start=1):
        of_members = [predictions(member, part_images, job.test_time) for member in job.members]
        log_probabilities = mean_log_probability([each.log_probabilities for each in of_members])
        predicted = log_probabilities.max(dim=1).indices  # `argmax` takes ten times as long for masks
        measured = evaluator.measure(part_images, log_probabilities, separation=job.separation)
        metrics |= {(part, name): measured.metrics[name] for name in task.measured if name in measured.metrics}
        if part == "train" and len(of_members) == 1:
            metrics[part, "dead_units"] = of_members[0].dead_units
        images.append(evaluator.kept(measured.images, test=part in task.test_sets).assign(part=part))
        if part in task.test_sets:
            counts.append(_confusion(part_images, predicted, task).assign(part=part))
            bins.append(measured.calibration.assign(part=part))
            folder = job.members[0].layout.evaluation(job.name) / f"seed-{job.seed}"
            run = "ensemble" if len(job.members) > 1 else f"seed {job.seed}"
            title = f"{job.name}, {run}, {_SPELLED.get(part, part)}"
            save(confusion(counts[-1], task.classes, title), folder / f"confusion-{part}.png")
            for kind, picture in evaluator.pictures(part_images, predicted.numpy(), measured.images, title).items():
                save(picture, folder / f"{kind}-{part}.png")
            layers = evaluator.layers(part_images, predicted.numpy(), measured.images)
            if layers is not None:
                layers.save(folder / f"layers-{part}.png")
        context.emit((job.seed, done / len(parts)))
    return Evaluated(metrics, *(_joined(tables, job.seed) for tables in (images, counts, bins)))


def _parts(job: Job, task: Task) -> list[tuple[str, ImageSet]]:
    """Return the parts to measure: training and validation images only where all members have the same.

    Where copies were added before the split, which images validated is not known any more: all count as training.
    """
    data, split = job.members[0].data()
    parts = []
    if all(member.data()[1] == split for member in job.members[1:]):
        mixed = any(member.variant.settings.added_copies.before_split for member in job.members)
        parts.append(("train", data if mixed else data.take(split.train)))
        if split.validation and not mixed:
            parts.append(("validation", data.take(split.validation)))
    test = load_partition(job.members[0].layout, task, "test")
    return parts + [(part, test.part(part)) for part in task.test_sets]


def _confusion(images: ImageSet, predicted: Tensor, task: Task) -> pd.DataFrame:
    """Return how often each pair of actual and predicted class occurs."""
    actual = torch.from_numpy(images.targets).long()
    matrix = confusion_matrix(actual.flatten(), predicted.flatten(), len(task.classes)).numpy()
    pairs = pd.MultiIndex.from_product([task.classes, task.classes], names=["actual", "predicted"])
    return pd.Series(matrix.flatten(), pairs, name="count").reset_index()


def _joined(tables: Sequence[pd.DataFrame], seed: int) -> pd.DataFrame:
    """Return the tables as one, with seed and part as the first columns."""
    table = pd.concat(tables, ignore_index=True).assign(seed=seed)
    return table[["seed", "part", *table.columns.drop(["seed", "part"])]]


def _check_inputs(todo: Sequence[Experiment]) -> None:
    """Raise RunError for a run that has ended and was trained by other settings, or on other images, than now."""
    for each in todo:
        _ended(each)
    now = {name: _inputs(each) for name, each in {each.name: each for each in todo}.items()}
    for each in todo:
        config, inputs = each.run.config(), now[each.name]
        known = {"settings": config.settings == inputs.settings, "training images": config.data == inputs.data,
                 "split": config.split == inputs.split}  # fmt: skip
        if other := [what for what, same in known.items() if not same]:
            state = f"{each.name}, seed {each.seed} was trained with other {' and '.join(other)} than there are now"
            raise RunError(f"{each.run.path}: {state}: run `{each.command}`")


def _inputs(experiment: Experiment) -> Inputs:
    experiment.data()  # which says what to do where it is missing
    return trained_on(experiment.variant, experiment.layout)


def _ended(experiment: Experiment) -> RunStatus:
    """Return the status of a run; raises RunError unless it has ended."""
    if not experiment.run.path.exists():
        raise RunError(f"{experiment.run.path} is missing: run `{experiment.command}`")
    status = experiment.run.status()
    if not status.ended:
        state = f"{experiment.name}, seed {experiment.seed} is {status.state}"
        raise RunError(f"{experiment.run.path}: {state}: run `{experiment.command}`")
    return status


def describe_optimizer(experiment: Experiment, _context: Context) -> str:
    """Return a run's optimizer with all its numbers, PyTorch's defaults included.

    For a worker, which has loaded what PyTorch's optimizers load when the first one is built: that takes seconds.
    """
    optimizer = optimizer_of(network_of(experiment.variant), experiment.variant.settings)
    numbers = {key: value for key, value in optimizer.defaults.items() if key not in _SWITCHES}
    return f"{type(optimizer).__name__}({', '.join(f'{key}={value}' for key, value in numbers.items())})"


def _write(  # noqa: PLR0913
    name: str,
    layout: Layout,
    first: Experiment,
    records: list[RunRecord],
    evaluated: dict[int, Evaluated],
    curves: list[pd.DataFrame],
    executor: Executor,
) -> ResultDirectory:
    network, directory = network_of(first.variant), layout.result(name)
    record = VariantRecord(
        name=name,
        task=first.variant.task,
        layers=layers(network),
        optimizer=executor.run(describe_optimizer, [first], lambda _: None)[0],
        weights=weight_count(network),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        runs=records,
    )
    tables = {
        "curves": [table[["seed", *table.columns.drop("seed")]] for table in curves],
        "images": [each.images for each in evaluated.values()],
        "confusion": [each.confusion for each in evaluated.values()],
        "calibration": [each.calibration for each in evaluated.values()],
    }
    directory.write(record, {seed: each.metrics for seed, each in evaluated.items()}, tables)
    return directory
