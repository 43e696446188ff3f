"""Every kind of file that somebody else may have written or edited, and who reads it.

Readers are called in this process, as the stages call them.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dl4ia import config
from dl4ia.analysis.convergence import convergence, starts
from dl4ia.analysis.generalization import generalization_gap
from dl4ia.analysis.reproduction import reproductions
from dl4ia.analysis.searches import search_result
from dl4ia.analysis.tables import Result, results, runs_table, summary_table
from dl4ia.data.imageset import ImageSet
from dl4ia.data.sources import fetch
from dl4ia.report.sources import sources
from dl4ia.runs.predictions import trained
from dl4ia.runs.schemas import DataSource
from dl4ia.search.storage import database_errors, default_url, open_study
from dl4ia.tasks import warwick_files
from tests.faults import agreement, binary_corruptions, corruptions
from tests.faults.agreement import holds, with_json, with_table
from tests.faults.corruptions import bad_json, bad_table
from tests.faults.inputs import Target
from tests.faults.prepared import EVALUATED, STUDY, Prepared


def published_file(prepared: Prepared) -> Target:
    """A file of a dataset, as its publisher has it."""
    folder = prepared.root / "published"
    return Target(
        folder / "tiny" / "train_1.bmp",
        binary_corruptions.flipped,
        lambda: fetch(prepared.publication, folder, "local"),
        remedy="delete it and run again",
    )


def _of_publication(
    name: str, corrupt: corruptions.Corrupt, agrees: agreement.Agrees = agreement.never
) -> Callable[[Prepared], Target]:
    def target(prepared: Prepared) -> Target:
        folder = prepared.root / "published" / "tiny"
        return Target(folder / name, corrupt, lambda: warwick_files.read(folder, ("train",)), agrees)

    return target


def archive(prepared: Prepared) -> Target:
    """The zip of a dataset, brought by hand; nothing may be written outside of its folder."""
    folder, root = prepared.root / "archives", prepared.root

    def read() -> None:
        before = set(root.rglob("*"))
        try:
            fetch(prepared.publication, folder, "local")
        finally:
            shutil.rmtree(folder / "tiny", ignore_errors=True)
            assert set(root.rglob("*")) == before, "it wrote elsewhere"

    return Target(folder / "tiny.zip", binary_corruptions.bad_archives, read)


def images(prepared: Prepared) -> Target:
    """The training images; who reads them trains on them."""
    run = prepared.experiment

    def read() -> ImageSet:
        prepared.train()
        return run.data()[0]

    path = prepared.layout.dataset(run.variant.task, "train")
    return Target(path, binary_corruptions.bad_arrays, read, agreement.with_arrays, "run `dvc repro -f download`")


def split(prepared: Prepared) -> Target:
    """Which images validate."""
    run = prepared.experiment
    return Target(
        prepared.layout.split(run.variant.task, "random"),
        bad_json,
        lambda: run.data()[1],
        lambda split, content: holds(asdict(split), json.loads(content)[0]),
        "run `dvc repro -f split`",
    )


def source(prepared: Prepared) -> Target:
    """Where the data of a task came from."""
    task = prepared.experiment.variant.task
    path = prepared.layout.source(task)
    return Target(path, bad_json, lambda: sources(prepared.params, prepared.layout)[task], with_json, "run `dvc repro`")


def sources_in_results(prepared: Prepared) -> Target:
    """Where all data came from; that of Warwick-QU is known from this file alone."""

    def agrees(read: dict[str, DataSource], content: bytes) -> bool:
        return "warwick" not in read or holds(read["warwick"].model_dump(), json.loads(content)["warwick"])

    path = prepared.layout.results / "source.json"
    return Target(path, bad_json, lambda: sources(prepared.params, prepared.layout), agrees, "run `dvc repro`")


def _of_run(
    name: str, corrupt: corruptions.Corrupt, read: Callable[[Prepared], Any], agrees: agreement.Agrees
) -> Callable[[Prepared], Target]:
    def target(prepared: Prepared) -> Target:
        path = prepared.experiment.run.path / name
        return Target(path, corrupt, lambda: read(prepared), agrees, "run `dvc repro")

    return target


def checkpoint(prepared: Prepared) -> Target:
    """A checkpoint; a bad one changes nothing of what the training results in."""
    run, layout = prepared.experiment.run, prepared.layout
    weights = (run.path / "model.safetensors").read_bytes()
    (path,) = layout.checkpoints(run.config().checkpoints_key).iterdir()

    def read() -> bytes:
        prepared.train()
        return (run.path / "model.safetensors").read_bytes()

    return Target(path, binary_corruptions.bad_checkpoints, read, lambda result, _: result == weights)


def _of_results(name: str, agrees: Callable[[Result, bytes], bool]) -> Callable[[Prepared], Target]:
    """Return the target of a file in results/ that the report is made of."""

    def target(prepared: Prepared) -> Target:
        directory = prepared.layout.result(EVALUATED).path
        corrupt = bad_json if name.endswith(".json") else bad_table
        remedy = f"delete {directory} and run `dvc repro`"
        return Target(directory / name, corrupt, lambda: _analysed(prepared), agrees, remedy)

    return target


def _analysed(prepared: Prepared) -> Result:
    """Return the results of the one variant that is evaluated, after all that the report computes of them."""
    (result,) = read = results(prepared.params, prepared.layout)
    runs_table(read)
    summary_table(read)
    convergence(result.curves, result.trained, len(result.task.classes))
    starts(result.curves, len(result.task.classes))
    generalization_gap(result, prepared.params.variant(EVALUATED).settings.split.strategy)
    reproductions(result)
    return result


def _table_of_results(name: str, *numbers: str) -> Callable[[Prepared], Target]:
    agrees = with_table("seed", *numbers)
    return _of_results(f"{name}.csv", lambda result, content: agrees(getattr(result, name), content))


def confusion(prepared: Prepared) -> Target:
    """How often classes were taken for each other."""
    directory = prepared.layout.result(EVALUATED)
    path, agrees = directory.path / "confusion.csv", with_table("seed", "count")
    return Target(path, bad_table, lambda: directory.table("confusion"), agrees, "run `dvc repro`")


def params_file(prepared: Prepared) -> Target:
    """All settings."""
    path = prepared.root / "params.yaml"
    return Target(path, corruptions.bad_yaml, lambda: config.load(path, prepared.root), agreement.with_params)


def best(prepared: Prepared) -> Target:
    """The settings that a variant takes from a study."""
    path, root = prepared.layout.study("joint").best, prepared.root
    return Target(path, corruptions.bad_yaml, lambda: config.load(root / "params.yaml", root), agreement.with_best)


def study_status(prepared: Prepared) -> Target:
    """How far a study has come."""
    directory = prepared.layout.study(STUDY)
    return Target(directory.path / "status.json", bad_json, directory.status, with_json, "run `dvc repro`")


def _table_of_study(name: str, *numbers: str) -> Callable[[Prepared], Target]:
    def target(prepared: Prepared) -> Target:
        directory, agrees = prepared.layout.study(STUDY), with_table(*numbers)

        def read() -> Any:
            search_result(STUDY, prepared.study, directory)
            return directory.table(name)

        return Target(directory.results / f"{name}.csv", bad_table, read, agrees, "run `dvc repro")

    return target


def database(prepared: Prepared) -> Target:
    """The trials of studies."""
    url = default_url(prepared.layout)

    def read() -> list[tuple[object, ...]]:
        stored = open_study(STUDY, prepared.study, prepared.layout, url)
        with database_errors(url):
            return [(trial.number, trial.state, trial.value, trial.params) for trial in stored.study.trials]

    trials = read()
    path = Path(url.removeprefix("sqlite:///"))
    return Target(
        path, binary_corruptions.bad_databases, read, lambda read, content: read == (trials if content else [])
    )


TARGETS: dict[str, Callable[[Prepared], Target]] = {
    "published file": published_file,
    "image": _of_publication("train_1.bmp", binary_corruptions.bad_images),
    "mask": _of_publication("train_1_anno.bmp", binary_corruptions.bad_masks),
    "Grade.csv": _of_publication("Grade.csv", corruptions.bad_grades, agreement.with_names),
    "archive": archive,
    "images": images,
    "split": split,
    "source of a task": source,
    "sources in results": sources_in_results,
    "config.json": _of_run("config.json", bad_json, lambda prepared: prepared.experiment.run.config(), with_json),
    "status.json": _of_run("status.json", bad_json, lambda prepared: prepared.experiment.run.status(), with_json),
    "history.csv": _of_run(
        "history.csv",
        corruptions.bad_history,
        lambda prepared: prepared.experiment.run.history(),
        with_table("step", "epoch", "seconds", "learning_rate", "train/", "validation/"),
    ),
    "weights": _of_run(
        "model.safetensors",
        binary_corruptions.bad_weights,
        lambda prepared: trained(prepared.experiment)[0],
        agreement.with_weights,
    ),
    "checkpoint": checkpoint,
    "runs.json": _of_results("runs.json", lambda result, content: with_json(result.record, content)),
    "metrics.csv": _table_of_results("metrics", "value"),
    "curves.csv": _table_of_results("curves", "step", "epoch", "seconds", "learning_rate", "train/", "validation/"),
    "images.csv": _table_of_results("images", "dice"),
    "confusion.csv": confusion,
    "params.yaml": params_file,
    "best.yaml": best,
    "status.json of a study": study_status,
    "trials.csv": _table_of_study("trials", "trial", "value", "started", "seconds"),
    "curves.csv of a study": _table_of_study("curves", "trial", "fold", "step", "train/", "validation/"),
    "importances.csv": _table_of_study("importances", "importance"),
    "studies.db": database,
}
