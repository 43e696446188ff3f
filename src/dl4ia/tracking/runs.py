"""Run directories and results as records: trainings and ensembles."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial

import pandas as pd
import torch

from dl4ia.config import Ensemble, Settings, flat
from dl4ia.models.network import NETWORKS, weight_count
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import ResultDirectory, RunRecord
from dl4ia.runs.saved_model import save_model
from dl4ia.runs.schemas import RunConfig, RunStatus, damaged
from dl4ia.runs.train import Experiment
from dl4ia.tasks import Task, task_of
from dl4ia.tracking.records import PLUMBING, Model, Record, curves, final_metrics
from dl4ia.tracking.served import has_scale, takes_pictures
from dl4ia.tracking.views import content_digest, data_tags, dataset_of, group_of, state_of

_MODELS = "-files"  # what models take: a run that MLflow has with a model that takes arrays is sent again
_TABLES = ("metrics", "images", "confusion")  # of the results that belong to single runs
_ROW = re.compile(r'(?:[^"\n]+|"[^"]*")+\n?')  # of a CSV file: what is quoted may have several lines


@dataclass(frozen=True)
class RunView:
    """One variant and seed."""

    experiment: Experiment

    @property
    def name(self) -> str:
        """Variant and seed."""
        return f"{self.experiment.name}/seed-{self.experiment.seed}"

    @property
    def exists(self) -> bool:
        """Whether the training has begun."""
        return (self.experiment.run.path / "status.json").exists()

    def records(self, *, final: bool) -> list[Record]:
        """Read the run as it was trained, which may differ from the present params.yaml."""
        config, status = self.experiment.run.config(), self.experiment.run.status()
        record = _training(_as_trained(self.experiment, config), config, status)
        return [_completed(record, self.experiment, config, status) if final else record]


@dataclass(frozen=True)
class EnsembleView:
    """One ensemble, as evaluation left it: nothing of it is trained."""

    name: str
    ensemble: Ensemble
    layout: Layout

    @property
    def exists(self) -> bool:
        """Whether it was evaluated here."""
        results = self.layout.result(self.name).path
        return self.layout.evaluation(self.name).exists() and (results / "runs.json").exists()

    def records(self, *, final: bool) -> list[Record]:  # noqa: ARG002 (it has no other state)
        """Read the results."""
        ensemble, task = self.ensemble, task_of(self.ensemble.task)
        directory = self.layout.result(self.name)
        run = _only(directory)
        metrics, files = _evaluated(run, self.name, self.layout, task)
        members = ", ".join(run.members)
        measured = (directory.path / "runs.json").stat().st_mtime
        return [
            Record(
                key=hashlib.sha256(f"{self.name} {members} {ensemble.test_time}".encode()).hexdigest()[:32],
                group=group_of(task),
                name=self.name,
                about=ensemble.about,
                state="finished",
                started=measured,
                ended=measured,
                tags={"variant": self.name, "exercise": ensemble.exercise, "task": task.name},
                params={"variant": self.name, "members": members, "test_time": ensemble.test_time},
                command=f"dvc repro evaluate-ensemble@{self.name}",
                git_commit=run.git_commit,
                metrics=metrics | {"train_seconds": run.seconds},
                files=files,
            )
        ]


def _only(directory: ResultDirectory) -> RunRecord:
    """Return the one run of an ensemble's results; raises RunError if it has others."""
    runs = directory.record().runs
    if len(runs) != 1:
        raise damaged(directory.path / "runs.json", f"expected one run, got {len(runs)}", directory.path)
    return runs[0]


def _as_trained(experiment: Experiment, config: RunConfig) -> Experiment:
    """Return the experiment with the settings that it was trained with; raises RunError for unknown ones."""
    content = json.dumps({**config.settings, "seeds": [config.seed]})
    try:
        settings = Settings.model_validate_json(content)
    except ValueError as error:
        path = experiment.run.path
        raise damaged(path / "config.json", f"settings of another version of the code: {error}", path.parent) from error
    return replace(experiment, variant=experiment.variant.model_copy(update={"settings": settings}))


def _training(experiment: Experiment, config: RunConfig, status: RunStatus) -> Record:
    """Return the record of a training so far."""
    variant, task = experiment.variant, task_of(config.task)
    dataset = dataset_of(task, config.data, experiment.layout)
    tags = {"variant": config.variant, "exercise": variant.exercise, "task": task.name, "seed": str(config.seed)}
    notes = {"data": config.data, "split": config.split, "code": config.code, **status.versions}
    tags |= {"machine": status.machine, **data_tags(task, dataset, experiment.layout)}
    return Record(
        key=config.key,
        group=group_of(task),
        name=f"{config.variant}/seed-{config.seed}",
        about=variant.about,
        state=state_of(status.state, status.process),
        started=status.started,
        ended=None if status.state == "running" else status.started + status.seconds,
        error=status.error,
        tags=tags | {f"{PLUMBING}{name}": note for name, note in notes.items()},
        params=_params(experiment, config, status),
        command=experiment.command,
        git_commit=status.git_commit,
        process=status.process,
        dataset=dataset,
        points=curves(experiment.run.history(), status.started),
    )


def _params(experiment: Experiment, config: RunConfig, status: RunStatus) -> dict[str, str]:
    network = experiment.variant.settings.network
    weights, parameters = _size(config.task, network.kind, network.model_dump_json())
    params = {"variant": config.variant, "seed": config.seed, **flat(config.settings)}
    params |= {"device": status.device, "threads": status.threads, "weights": weights, "parameters": parameters}
    return {name: str(value) for name, value in params.items()}


@cache
def _size(task: str, kind: str, settings: str) -> tuple[int, int]:
    """Return the number of weights without biases, and of all parameters, of a network with settings in JSON."""
    with torch.device("meta"):  # neither memory nor random numbers are needed to count
        network = NETWORKS[kind].model_validate_json(settings).build(task_of(task).signature)
    return weight_count(network), sum(parameter.numel() for parameter in network.parameters())


def _completed(record: Record, experiment: Experiment, config: RunConfig, status: RunStatus) -> Record:
    """Add what is known once a training has ended, and once it was evaluated."""
    if not status.ended:
        return record
    run, task = experiment.run.path, task_of(config.task)
    metrics, files = _results(experiment, config, status, task)
    model = None
    if status.state == "finished" and takes_pictures(task):
        model = Model(
            name=record.name.replace("/", "-"),
            about=_use(task),
            task=task.name,
            save=partial(save_model, _as_trained(experiment, config)),
        )
    return replace(
        record,
        content=content_digest(run / "history.csv", run / "model.safetensors") + _MODELS,
        metrics=metrics | {"train_seconds": status.seconds},
        files=files,
        model=model,
    )


def _use(task: Task) -> str:
    scale = ", and may have a column `microns_per_pixel`" if has_scale(task) else ""
    return (
        f"Takes a table with a column `image`{scale}: BMP, JPEG, PNG or TIFF files of any size, in base64, as those of "
        f"{task.title}. What is done to them before the network is part of the model; see docs/predict.md."
    )


def _results(
    experiment: Experiment, config: RunConfig, status: RunStatus, task: Task
) -> tuple[dict[str, float], dict[str, bytes]]:
    """Return metrics and files of the evaluation of exactly this training, if there is one."""
    directory = experiment.layout.result(config.variant)
    if not (directory.path / "runs.json").exists():
        return {}, {}
    for run in directory.record().runs:
        # The same run may have been trained again, elsewhere: then its seconds differ.
        if (run.seed, run.key, run.seconds) == (config.seed, config.key, status.seconds):
            return _evaluated(run, config.variant, experiment.layout, task)
    return {}, {}


@dataclass(frozen=True)
class _Tables:
    """The tables of a variant, which all its runs have in common: rows by seed, those of the files as text."""

    metrics: dict[int, pd.DataFrame]
    files: dict[str, dict[int, bytes]]
    heads: dict[str, bytes]


@lru_cache(1)
def _tables(directory: ResultDirectory, versions: tuple[int, ...]) -> _Tables:  # noqa: ARG001
    """Return the tables of a variant, checked; `versions` changes with the files."""
    checked = {name: directory.table(name) for name in _TABLES}
    texts = {name: _ROW.findall((directory.path / f"{name}.csv").read_text(encoding="utf-8")) for name in _TABLES}
    files = {name: _by_seed(rows, checked[name]) for name, (_, *rows) in texts.items()}
    metrics = dict(iter(checked["metrics"].groupby("seed")))
    return _Tables(metrics, files, {name: head.encode() for name, (head, *_) in texts.items()})


def _by_seed(rows: list[str], table: pd.DataFrame) -> dict[int, bytes]:
    """Return the rows of a table, as text, that belong to each seed."""
    places = table.groupby("seed").indices
    return {seed: "".join(rows[place] for place in of_seed).encode() for seed, of_seed in places.items()}


def _evaluated(run: RunRecord, name: str, layout: Layout, task: Task) -> tuple[dict[str, float], dict[str, bytes]]:
    """Return the metrics of an evaluated run, and its tables and pictures by path."""
    directory = layout.result(name)
    paths = [directory.path / f"{table}.csv" for table in _TABLES]
    tables = _tables(directory, tuple(path.stat().st_mtime_ns for path in paths if path.exists()))
    files = {f"evaluation/{each}.csv": tables.heads[each] + tables.files[each].get(run.seed, b"") for each in _TABLES}
    pictures = sorted((layout.evaluation(name) / f"seed-{run.seed}").glob("*.png"))
    files |= {f"evaluation/{picture.name}": picture.read_bytes() for picture in pictures}
    rows = tables.metrics.get(run.seed)  # none of a run that diverged
    metrics = {} if rows is None else final_metrics(rows, task)
    return metrics | {"trained": float(run.trained)}, files
