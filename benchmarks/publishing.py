"""What publishing many runs into MLflow takes, and publishing them again when nothing is new.

The runs are copies of one that is trained and evaluated here: of other variants and seeds, with metrics and curves,
tables, a picture and a model each.
"""

import multiprocessing
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.config import Params
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.evaluate import evaluate_variant
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import ResultDirectory, VariantRecord
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.train import experiments, train_all
from dl4ia.tracking.live import publish, views

_NAME: Final = "mnist-cnn"
_SEEDS, _ITERATIONS, _POINTS = 10, 100, 10


def seconds_to_publish(runs: int) -> tuple[float, float]:
    """Return what it takes to publish so many runs into an empty SQLite file, and to do so again.

    Each is a process of its own, as `make publish` is, and its start is part of what is measured.
    """
    with temporary_copy() as layout:
        shutil.copyfile("data.dvc", layout.root / "data.dvc")
        params = _params([_NAME], seeds=1)
        train_all(experiments(params, [_NAME], layout), LocalProcesses(1), lambda _: None)
        evaluate_variant(_NAME, params, layout, LocalProcesses(1))
        for number in range(runs // _SEEDS):
            _multiply(layout, f"{_NAME}-{number:03}")
        return _publish(layout, runs), _publish(layout, runs)


def _params(names: list[str], seeds: int) -> Params:
    """Return a short training under several names."""
    params = config.load()
    variant = params.variant(_NAME)
    short = {"seeds": tuple(range(seeds)), "iterations": _ITERATIONS, "evaluate_every": _ITERATIONS // _POINTS}
    variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=short), "compared_with": ()})
    changes = {"variants": dict.fromkeys(names, variant), "ensembles": {}, "studies": {}}
    return params.model_copy(update=changes)


def _multiply(layout: Layout, name: str) -> None:
    """Make a variant with all its seeds of the run that was trained."""
    record = layout.result(_NAME).record()
    runs = []
    for seed in range(_SEEDS):
        key = _copy_run(layout.run(_NAME, 0), layout.run(name, seed), name, seed)
        runs.append(record.runs[0].model_copy(update={"seed": seed, "key": key}))
        shutil.copytree(layout.evaluation(_NAME) / "seed-0", layout.evaluation(name) / f"seed-{seed}")
    _copy_result(layout.result(_NAME), layout.result(name), record.model_copy(update={"name": name, "runs": runs}))


def _copy_run(source: RunDirectory, target: RunDirectory, name: str, seed: int) -> str:
    """Copy a run under another name and seed; return its key."""
    shutil.copytree(source.path, target.path)
    config = source.config().model_copy(update={"variant": name, "seed": seed})
    target.write_config(config)
    return config.key


def _copy_result(source: ResultDirectory, target: ResultDirectory, record: VariantRecord) -> None:
    """Copy the tables of one run as those of several."""
    atomic_files.write_json(target.path / "runs.json", record.model_dump(mode="json", exclude_none=True))
    for name in ("metrics", "images", "confusion"):
        rows = [source.table(name).assign(seed=run.seed) for run in record.runs]
        atomic_files.write_csv(target.path / f"{name}.csv", pd.concat(rows, ignore_index=True))


def _publish(layout: Layout, runs: int) -> float:
    """Publish all runs in a new process; return how long that takes, in seconds."""
    started = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        published = pool.submit(_publish_here, layout.root, runs // _SEEDS).result()
    if published != runs:
        raise RuntimeError(f"{published} of {runs} runs were published")
    return time.perf_counter() - started


def _publish_here(root: Path, variants: int) -> int:
    layout = Layout(root)
    params = _params([f"{_NAME}-{number:03}" for number in range(variants)], _SEEDS)
    return publish(views(params, layout), layout)
