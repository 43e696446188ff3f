"""Trained networks as MLflow's logged models."""

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dl4ia.base.errors import RunError
from dl4ia.tasks import task_of
from dl4ia.tracking import served
from dl4ia.tracking.records import PLUMBING, Model

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.models import ModelSignature

_TYPES = {int: "long", float: "double", str: "string"}  # MLflow's names
_SAVED = "saved"  # the folder in a logged model

_ALIAS = "champion"
_KEPT = {"variant", "seed", f"{PLUMBING}data", f"{PLUMBING}code", "mlflow.source.git.commit"}  # tags of a version


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
    """Log a network as a function of image files, which this project computes; return MLflow's number of it."""
    from mlflow import pyfunc  # noqa: PLC0415 (seconds to import)
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415
    from mlflow.models import Model as Saved  # noqa: PLC0415

    number = run.info.run_id
    tags, params = {"mlflow.note.content": model.about}, client.get_run(number).data.params
    created = client.create_logged_model(run.info.experiment_id, model.name, number, tags, params)
    remove_models(client, run, but=created.model_id)  # what an interrupted call has left
    # Not by `log_model`, which needs the address as a setting of the whole process.
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(Path(folder) / _SAVED)
        except OSError as error:  # of this machine, not of MLflow
            raise RunError(f"{error.filename or folder}: {error.strerror}: see that it can be read") from error
        request, signature = _interface(model.task)
        pyfunc.save_model(
            str(Path(folder) / "model"),
            loader_module=served.__name__,
            data_path=str(Path(folder) / _SAVED),
            mlflow_model=Saved(
                created.artifact_location, number, model_uuid=created.model_id, model_id=created.model_id
            ),
            signature=signature,
            input_example=request,
            pip_requirements=["dl4ia", f"torch=={torch.__version__.split('+')[0]}"],
            metadata={"input": model.about},
        )
        client.log_model_artifacts(created.model_id, str(Path(folder) / "model"))
    client.finalize_logged_model(created.model_id, "READY")
    # Last: an output of a run cannot be taken back, and means that the model is complete.
    client.log_outputs(number, [LoggedModelOutput(created.model_id, step=0)])
    return str(created.model_id)


@cache
def _interface(task: str) -> "tuple[pd.DataFrame, ModelSignature]":
    """Return a request to the models of a task, and what all their requests and answers hold."""
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types import ColSpec, Schema  # noqa: PLC0415

    request, answer = served.example(task_of(task))
    columns = [table.to_dict("records")[0].items() for table in (request, answer)]
    inputs, outputs = (
        Schema([ColSpec(_TYPES[type(value)], name, required=name != served.SCALE) for name, value in row])
        for row in columns
    )
    return request, ModelSignature(inputs, outputs)


def register_champion(client: "MlflowClient", run: "Run", number: str, name: str, about: str) -> None:
    """Make the model with a number, of a run, the champion of a registered model, as a version that has this alias.

    The version is created unless there is one. It has the tags of its run that say what it was trained on and with:
    variant, data, code and commit.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

    try:
        client.create_registered_model(name, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_registered_model(name, about)
    model = client.get_logged_model(number)
    versions = {each.source: each for each in client.search_model_versions(f"name = '{name}'")}
    version = versions.get(model.artifact_location)
    if version is None:
        tags = {key: value for key, value in run.data.tags.items() if key in _KEPT}
        version = client.create_model_version(
            name, model.artifact_location, run.info.run_id, tags, description=run.info.run_name, model_id=model.model_id
        )
    client.set_registered_model_alias(name, _ALIAS, version.version)
