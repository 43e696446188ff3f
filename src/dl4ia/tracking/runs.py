"""A run directory, shown in MLflow."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from ruamel.yaml import YAML
from torch import nn

from dl4ia import files
from dl4ia.config import Task, flat
from dl4ia.data.datasets import PUBLISHED, sources
from dl4ia.data.imageset import ImageSet
from dl4ia.evaluation import read_figures, trained
from dl4ia.experiment import Experiment, network_for
from dl4ia.models.layers import weight_count
from dl4ia.provenance import is_gone
from dl4ia.tracking.client import PROCESS, experiment_id, find, mark_running, milliseconds, send, send_curves

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_DATASETS: dict[Task, str] = {"mnist": "MNIST", "warwick": "Warwick-QU"}
_STATES = {
    "running": "KILLED",
    "stopped": "KILLED",
    "finished": "FINISHED",
    "failed": "FAILED",
}  # once nobody works on it
_DIGEST = 36  # characters that MLflow takes of a dataset's digest


@dataclass(frozen=True)
class RunView:
    """One variant and seed."""

    experiment: Experiment

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.experiment.run.path

    def follow(self, client: "MlflowClient") -> "Run":
        """Bring the curves of a run that is being trained up to date."""
        experiment, status = self.experiment, self.experiment.run.status
        task = experiment.variant.task
        shown = find(client, task, experiment.run.key) or _create(client, experiment, status)
        _describe(client, experiment, shown, status)
        send_curves(client, shown.info.run_id, experiment.run.history, status["started"])
        if status["state"] == "running":
            mark_running(client, shown, status.get("process", ""))
        return shown

    def publish(self, client: "MlflowClient") -> None:
        """Bring all of a run up to date: also its model, and what was found when it was evaluated."""
        status, shown = self.experiment.run.status, self.follow(client)
        if status["state"] == "running" and not is_gone(status.get("process", "")):
            return  # somebody else is at it
        if self.experiment.run.finished and not (shown.outputs and shown.outputs.model_outputs):
            _send_model(client, self.experiment, shown.info.run_id)
        _send_evaluation(client, self.experiment, shown, status)
        ended = milliseconds(status["started"] + status["seconds"])
        client.set_terminated(shown.info.run_id, _STATES[status["state"]], ended)


def _create(client: "MlflowClient", experiment: Experiment, status: dict[str, Any]) -> "Run":
    """Create the run with its tags, by which it is found again."""
    task = experiment.variant.task
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
        PROCESS: status.get("process", ""),
        "mlflow.note.content": experiment.variant.about,
    }
    name = f"{experiment.name}/seed-{experiment.seed}"
    return client.create_run(experiment_id(client, task), milliseconds(status["started"]), tags, name)


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


def _send_evaluation(client: "MlflowClient", experiment: Experiment, shown: "Run", status: dict[str, Any]) -> None:
    """Send the final figures and pictures, unless just these have been sent."""
    from mlflow.entities import Metric  # noqa: PLC0415

    folder = experiment.layout.evaluation(experiment.name) / "runs" / f"seed-{experiment.seed}"
    if not (folder / "metrics.json").exists():
        return
    digest = files.digest(folder / "metrics.json")
    if shown.data.tags.get("evaluation") == digest:
        return
    last, stamp = experiment.variant.settings.iterations, milliseconds(status["started"] + status["seconds"])
    # A curve's last point is a mean over batches: what was measured on the whole set has a name of its own.
    figures = {
        f"final/{name}" if name.startswith(("train/", "validation/")) else name: value
        for name, value in read_figures(folder / "metrics.json", experiment.variant.task).items()
    }
    send(client, shown.info.run_id, [Metric(name, value, stamp, last) for name, value in figures.items()])
    client.log_artifacts(shown.info.run_id, str(folder), "evaluation")
    client.set_tag(shown.info.run_id, "evaluation", digest)


def _send_model(client: "MlflowClient", experiment: Experiment, run_id: str) -> None:
    """Log the network with its standardisation: raw images in, logits out; PyTorch alone can load it."""
    import mlflow  # noqa: PLC0415
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415

    task = experiment.variant.task
    example = ImageSet.load(experiment.layout.dataset(task, "train")).images[:2].astype("float32")
    model = served_model(experiment)
    with torch.inference_mode():
        signature = mlflow.models.infer_signature(example, model(torch.from_numpy(example)).numpy())
    version = torch.__version__.split("+")[0]
    number, params = experiment_id(client, task), client.get_run(run_id).data.params
    sent = client.create_logged_model(number, "model", run_id, params=params).model_id
    for other in client.search_logged_models([number], f"source_run_id = '{run_id}'"):
        if other.model_id != sent:  # what an interrupted one has left
            client.delete_logged_model(other.model_id)
    mlflow.pytorch.log_model(
        model, model_id=sent, signature=signature, input_example=example, pip_requirements=[f"torch=={version}"]
    )
    # Last, and not as `log_model` does within a run: an output of a run cannot be taken back, and would be believed.
    client.log_outputs(run_id, [LoggedModelOutput(sent, step=0)])


def served_model(experiment: Experiment) -> nn.Module:
    """Return the trained network behind a layer that standardises raw images as in training."""
    network, normalization = trained(experiment)
    standardize = nn.BatchNorm2d(len(normalization.mean), eps=0, affine=False)
    standardize.running_mean = torch.tensor(normalization.mean)
    standardize.running_var = torch.tensor(normalization.std).square()
    return nn.Sequential(standardize, network).eval()


def _dvc_hash() -> str:
    """Return the hash under which DVC pins the published files."""
    pin = Path("data.dvc")
    return (
        str(YAML(typ="safe", pure=True).load(pin.read_text(encoding="utf-8"))["outs"][0]["md5"]) if pin.exists() else ""
    )
