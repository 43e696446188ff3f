"""A run directory, shown in MLflow.

MLflow is a view: all it shows is read from run directories and evaluations, so that it can be lost and rebuilt
(`publish`). What is there already is found by `run_key` and not sent again. While a training goes on, `Live` publishes
from a thread of its own and never holds the training up.
"""

import logging
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from filelock import FileLock
from ruamel.yaml import YAML
from torch import nn

from dl4ia import files
from dl4ia.config import Task, Variant, flat
from dl4ia.data.datasets import PUBLISHED, sources
from dl4ia.data.imageset import ImageSet
from dl4ia.errors import UserError
from dl4ia.evaluation import read_json
from dl4ia.experiment import Experiment, experiments, network_for
from dl4ia.models.layers import weight_count
from dl4ia.runs import Layout

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

EXPERIMENTS: dict[Task, str] = {"mnist": "mnist-classification", "warwick": "warwick-segmentation"}

_DATASETS: dict[Task, str] = {"mnist": "MNIST", "warwick": "Warwick-QU"}
_STATES = {"running": "KILLED", "finished": "FINISHED", "failed": "FAILED"}  # of a run that nobody works on any more
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # which view MLflow opens
_BATCH = 1000  # metrics that MLflow takes in one call
_PATIENCE = 60  # seconds that a finished training waits for its tracking
_DIGEST = 36  # characters that MLflow takes of a dataset's digest


def publish(variants: Mapping[str, Variant], layout: Layout) -> int:
    """Show every run on disk of `variants`; return how many. Raises UserError if MLflow cannot be had."""
    todo = [
        experiment
        for name, variant in variants.items()
        for experiment in experiments(name, variant, layout)
        if (experiment.run.path / "status.json").exists()
    ]
    try:
        client = _connect(layout)
        for experiment in todo:
            _publish(client, experiment)
    except UserError:
        raise
    except Exception as error:  # whatever a server, a database or a disk can do wrong
        raise UserError(
            f"MLflow at {_uri(layout)} did not take the runs ({_line(error)}): `make publish` sends them later"
        ) from error
    return len(todo)


class Live:
    """Shows runs in MLflow while they are being trained; a server that is gone is said once, and costs nothing."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._noticed: queue.SimpleQueue[Experiment | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._noticed.put(None)
        self._thread.join(_PATIENCE)

    def __call__(self, experiment: Experiment) -> None:
        """Note that there is something new to show; returns at once."""
        self._noticed.put(experiment)

    def _work(self) -> None:
        try:
            client = _connect(self._layout)
            seen: dict[Path, Experiment] = {}
            while changed := self._next():
                seen |= changed
                for experiment in changed.values():
                    _follow(client, experiment)
            # Models and pictures take seconds, and wait until no training is held up by that.
            for experiment in seen.values():
                _publish(client, experiment)
        except Exception as error:  # noqa: BLE001 (nothing that tracking does may hurt a training)
            message = "MLflow at %s is gone (%s): the runs go on, `make publish` catches up"
            logging.getLogger(__name__).warning(message, _uri(self._layout), _line(error))

    def _next(self) -> dict[Path, Experiment]:
        """Wait for something new; return what changed, each run once, or nothing at the end."""
        noticed = [self._noticed.get()]
        while noticed[-1] is not None and not self._noticed.empty():
            noticed.append(self._noticed.get())
        changed = {experiment.run.path: experiment for experiment in noticed if experiment is not None}
        if noticed[-1] is None and changed:
            self._noticed.put(None)
        return changed


def _uri(layout: Layout) -> str:
    """Return where MLflow's data lie: MLFLOW_TRACKING_URI, or a SQLite file at the root of the working copy."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{layout.root.resolve() / 'mlflow.db'}"


def _connect(layout: Layout) -> "MlflowClient":
    """Return a client whose database and experiments exist: two processes must not create them at once."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # noqa: PLC0415 (seconds to import)

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    uri = _uri(layout)
    mlflow.set_tracking_uri(uri)
    artifacts = (layout.root.resolve() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    with FileLock(layout.root / "mlflow.db.lock"):
        client = mlflow.MlflowClient(uri)
        for name in EXPERIMENTS.values():
            if client.get_experiment_by_name(name) is None:
                client.create_experiment(name, artifacts, _KIND)
    return client


def _follow(client: "MlflowClient", experiment: Experiment) -> "Run":
    """Bring the curves of a run that is being trained up to date."""
    status = experiment.run.status
    shown = _find(client, experiment) or _create(client, experiment, status)
    _describe(client, experiment, shown, status)
    _send_curves(client, experiment, shown.info.run_id, status)
    if status["state"] == "running":
        client.update_run(shown.info.run_id, status="RUNNING")
    return shown


def _publish(client: "MlflowClient", experiment: Experiment) -> None:
    """Bring all of a run up to date that nobody works on any more."""
    status, shown = experiment.run.status, _follow(client, experiment)
    if experiment.run.finished and not (shown.outputs and shown.outputs.model_outputs):
        _send_model(experiment, shown.info.run_id)
    _send_evaluation(client, experiment, shown, status)
    client.set_terminated(shown.info.run_id, _STATES[status["state"]], _milliseconds(status, status["seconds"]))


def _find(client: "MlflowClient", experiment: Experiment) -> "Run | None":
    shown = client.get_experiment_by_name(EXPERIMENTS[experiment.variant.task])
    assert shown is not None
    runs = client.search_runs([shown.experiment_id], f"tags.run_key = '{experiment.run.key}'", max_results=1)
    return client.get_run(runs[0].info.run_id) if runs else None


def _create(client: "MlflowClient", experiment: Experiment, status: dict[str, Any]) -> "Run":
    """Create the run with its tags, by which it is found again."""
    task = experiment.variant.task
    shown = client.get_experiment_by_name(EXPERIMENTS[task])
    assert shown is not None
    source = sources(experiment.layout.source)[task]["source"]
    tags = {
        "run_key": experiment.run.key,
        "variant": experiment.name,
        "exercise": experiment.variant.exercise,
        "seed": str(experiment.seed),
        "task": task,
        "data_source": source,
        "dvc_data": _dvc_hash() if source == PUBLISHED else "",
        "git_commit": status["git_commit"],
        "mlflow.note.content": experiment.variant.about,
    }
    name = f"{experiment.name}/seed-{experiment.seed}"
    return client.create_run(shown.experiment_id, _milliseconds(status, 0), tags, name)


def _describe(client: "MlflowClient", experiment: Experiment, shown: "Run", status: dict[str, Any]) -> None:
    """Send parameters and dataset, unless they are there: a server may have gone just after the run was created."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param  # noqa: PLC0415

    if shown.inputs and shown.inputs.dataset_inputs:  # the last that is sent
        return
    config, task = experiment.run.config, experiment.variant.task
    network = network_for(experiment.variant)
    params = {"variant": experiment.name, "seed": experiment.seed, "data": config["data"], "split": config["split"]}
    params |= flat(config["settings"]) | {"device": status["device"], "threads": status["threads"]}
    params |= {"weights": weight_count(network), "parameters": sum(p.numel() for p in network.parameters())}
    client.log_batch(shown.info.run_id, params=[Param(key, str(value)) for key, value in params.items()])
    source = shown.data.tags["data_source"]
    dataset = Dataset(_DATASETS[task], config["data"][:_DIGEST], "local", f"{source}: {_DATASETS[task]}")
    client.log_inputs(shown.info.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])


def _send_curves(client: "MlflowClient", experiment: Experiment, run_id: str, status: dict[str, Any]) -> None:
    """Send the points that are not there yet; their timestamps are those of the training, whenever they are sent."""
    from mlflow.entities import Metric  # noqa: PLC0415

    history = experiment.run.history
    metrics = []
    for name in map(str, history.columns.drop(["step", "seconds"], errors="ignore")):
        there = {metric.step for metric in client.get_metric_history(run_id, name)}
        new = history[~history["step"].isin(there)]
        for step, seconds, value in zip(new["step"], new["seconds"], new[name], strict=True):
            metrics.append(Metric(name, float(value), _milliseconds(status, seconds), int(step)))
    _send(client, run_id, metrics)


def _send(client: "MlflowClient", run_id: str, metrics: "list[Metric]") -> None:
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics[start : start + _BATCH])


def _send_evaluation(client: "MlflowClient", experiment: Experiment, shown: "Run", status: dict[str, Any]) -> None:
    """Send the final figures and pictures, unless just these have been sent."""
    from mlflow.entities import Metric  # noqa: PLC0415

    folder = experiment.layout.evaluation(experiment.name) / "runs" / f"seed-{experiment.seed}"
    if not (folder / "metrics.json").exists():
        return
    digest = files.digest(folder / "metrics.json")
    if shown.data.tags.get("evaluation") == digest:
        return
    last, stamp = experiment.variant.settings.iterations, _milliseconds(status, status["seconds"])
    # A curve's last point is a mean over batches: what was measured on the whole set has a name of its own.
    figures = {
        f"final/{name}" if name.startswith(("train/", "validation/")) else name: value
        for name, value in read_json(folder / "metrics.json").items()
    }
    _send(client, shown.info.run_id, [Metric(name, value, stamp, last) for name, value in figures.items()])
    client.log_artifacts(shown.info.run_id, str(folder), "evaluation")
    client.set_tag(shown.info.run_id, "evaluation", digest)


def _send_model(experiment: Experiment, run_id: str) -> None:
    """Log the network with its standardisation: raw images in, logits out; PyTorch alone can load it."""
    import mlflow  # noqa: PLC0415

    task = experiment.variant.task
    example = ImageSet.load(experiment.layout.dataset(task, "train")).images[:2].astype("float32")
    model = served_model(experiment)
    with torch.inference_mode():
        signature = mlflow.models.infer_signature(example, model(torch.from_numpy(example)).numpy())
    version = torch.__version__.split("+")[0]
    with mlflow.start_run(run_id=run_id):
        mlflow.pytorch.log_model(
            model, name="model", signature=signature, input_example=example, pip_requirements=[f"torch=={version}"]
        )


def served_model(experiment: Experiment) -> nn.Module:
    """Return the trained network behind a layer that standardises raw images as in training."""
    network = network_for(experiment.variant)
    network.load_state_dict(experiment.run.weights)
    normalization = experiment.run.config["normalization"]
    standardize = nn.BatchNorm2d(len(normalization["mean"]), eps=0, affine=False)
    standardize.running_mean = torch.tensor(normalization["mean"])
    standardize.running_var = torch.tensor(normalization["std"]).square()
    return nn.Sequential(standardize, network).eval()


def _milliseconds(status: dict[str, Any], seconds: float) -> int:
    return int(1000 * (status["started"] + seconds))


def _dvc_hash() -> str:
    """Return the hash under which DVC pins the published files."""
    pin = Path("data.dvc")
    return (
        str(YAML(typ="safe", pure=True).load(pin.read_text(encoding="utf-8"))["outs"][0]["md5"]) if pin.exists() else ""
    )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
