"""Trained networks as MLflow's logged models."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dl4ia.tracking.records import Model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def model_of(run: "Run") -> str | None:
    """Return MLflow's number of the model of a run, if it was sent completely."""
    outputs = run.outputs.model_outputs if run.outputs else []
    return outputs[0].model_id if outputs else None


def remove_models(client: "MlflowClient", run: "Run", but: str | None = None) -> None:
    """Delete the models that came from a run, but one."""
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
        if model.model_id != but:
            client.delete_logged_model(model.model_id)


def send_model(client: "MlflowClient", run: "Run", model: Model) -> str:
    """Log a network as an exported program, which PyTorch alone can load; return MLflow's number of it."""
    from mlflow import pytorch  # noqa: PLC0415 (seconds to import)
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415
    from mlflow.models import Model as Saved  # noqa: PLC0415
    from mlflow.models import infer_signature  # noqa: PLC0415

    network, example = model.load()
    with torch.inference_mode():
        logits = network(torch.from_numpy(example)).numpy()
    number = run.info.run_id
    tags, params = {"mlflow.note.content": model.about}, client.get_run(number).data.params
    created = client.create_logged_model(run.info.experiment_id, model.name, number, tags, params)
    remove_models(client, run, but=created.model_id)  # what an interrupted call has left
    # By hand instead of `log_model`, which needs the address as a setting of the whole process.
    with tempfile.TemporaryDirectory() as folder:
        pytorch.save_model(
            network,
            str(Path(folder) / "model"),
            mlflow_model=Saved(
                created.artifact_location, number, model_uuid=created.model_id, model_id=created.model_id
            ),
            signature=infer_signature(example, logits),
            input_example=example,
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
            metadata={"input": model.about},
        )
        client.log_model_artifacts(created.model_id, str(Path(folder) / "model"))
    client.finalize_logged_model(created.model_id, "READY")
    # Last: an output of a run cannot be taken back, and means that the model is complete.
    client.log_outputs(number, [LoggedModelOutput(created.model_id, step=0)])
    return str(created.model_id)
