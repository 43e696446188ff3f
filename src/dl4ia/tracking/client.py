"""MLflow's client, and what all that is shown there has in common."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock

from dl4ia.config import Task
from dl4ia.provenance import is_gone, this_process
from dl4ia.runs import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

EXPERIMENTS: dict[Task, str] = {"mnist": "mnist-classification", "warwick": "warwick-segmentation"}

_KIND = {"mlflow.experimentKind": "custom_model_development"}  # which view MLflow opens
ALL = 50_000  # runs that MLflow returns at most
PROCESS = "process"  # the tag that names who works on a run
_BATCH = 1000  # metrics that MLflow takes in one call


class View(Protocol):
    """Something on disk that is shown in MLflow."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    def follow(self, client: "MlflowClient") -> "Run":
        """Bring up to date what is being worked on."""

    def publish(self, client: "MlflowClient") -> None:
        """Bring all up to date of what nobody works on any more."""


def uri_of(layout: Layout) -> str:
    """Return where MLflow's data lie: MLFLOW_TRACKING_URI, or a SQLite file at the root of the working copy."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{layout.root.resolve() / 'mlflow.db'}"


def alone(layout: Layout) -> FileLock:
    """Return what one process of a working copy at a time holds: two that miss something would both create it."""
    return FileLock(layout.root / "mlflow.db.lock")


def connect(layout: Layout) -> "MlflowClient":
    """Return a client whose database and experiments exist."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # noqa: PLC0415 (seconds to import)

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    uri = uri_of(layout)
    mlflow.set_tracking_uri(uri)
    artifacts = (layout.root.resolve() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    with alone(layout):
        client = mlflow.MlflowClient(uri)
        for name in EXPERIMENTS.values():
            if client.get_experiment_by_name(name) is None:
                client.create_experiment(name, artifacts, _KIND)
    return client


def experiment_id(client: "MlflowClient", task: Task) -> str:
    """Return MLflow's number of the experiment that a task's runs belong to."""
    found = client.get_experiment_by_name(EXPERIMENTS[task])
    assert found is not None
    return str(found.experiment_id)


def find(client: "MlflowClient", task: Task, run_key: str) -> "Run | None":
    """Return the run of that content, if it is there."""
    runs = client.search_runs([experiment_id(client, task)], f"tags.run_key = '{run_key}'")
    return client.get_run(only(client, runs).info.run_id) if runs else None


def only(client: "MlflowClient", runs: "Iterable[Run]") -> "Run":
    """Return one of the runs of the same content, and delete the others: a slow server is asked twice to create one."""
    first, *others = sorted(runs, key=lambda run: run.info.run_id)
    for other in others:
        client.delete_run(other.info.run_id)
    return first


def mark_running(client: "MlflowClient", shown: "Run", process: str) -> None:
    """Mark a run as running, and by which process."""
    if shown.data.tags.get(PROCESS) != process:
        client.set_tag(shown.info.run_id, PROCESS, process)
    client.update_run(shown.info.run_id, status="RUNNING")


def end_abandoned(client: "MlflowClient") -> None:
    """Mark the runs as killed whose process has ended without doing so."""
    for task in EXPERIMENTS:
        for run in client.search_runs([experiment_id(client, task)], "attributes.status = 'RUNNING'", max_results=ALL):
            if is_gone(run.data.tags.get(PROCESS, this_process())):
                client.set_terminated(run.info.run_id, "KILLED")


def send_curves(client: "MlflowClient", run_id: str, history: "pd.DataFrame", started: float) -> None:
    """Send the points that are not there yet; their timestamps are those of the training, whenever they are sent."""
    from mlflow.entities import Metric  # noqa: PLC0415 (seconds to import)

    metrics = []
    for name in map(str, history.columns.drop(["step", "seconds"], errors="ignore")):
        there = {metric.step for metric in client.get_metric_history(run_id, name)}
        new = history[~history["step"].isin(there)].dropna(subset=[name])
        for step, seconds, value in zip(new["step"], new["seconds"], new[name], strict=True):
            metrics.append(Metric(name, float(value), milliseconds(started + seconds), int(step)))
    send(client, run_id, metrics)


def send(client: "MlflowClient", run_id: str, metrics: "list[Metric]") -> None:
    """Send metrics in as few calls as MLflow allows."""
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics[start : start + _BATCH])


def milliseconds(time: float) -> int:
    """Return a time in seconds as MLflow wants it."""
    return int(1000 * time)


def line_of(error: BaseException) -> str:
    """Return what an error goes back to, in one line: libraries wrap it into several of their own."""
    cause = error.__cause__ or error.__context__
    while cause is not None and not isinstance(cause, LookupError):  # which is how a library looks, and no reason
        error, cause = cause, cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
