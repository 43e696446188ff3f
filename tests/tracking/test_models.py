"""Logged models: what MLflow has of them, and that each is applied as its run would be."""

import base64
import errno
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.entities import LoggedModelOutput
from PIL import Image
from torch import nn

from dl4ia.base.errors import RunError
from dl4ia.data.imageset import ImageSet
from dl4ia.prediction import load_model
from dl4ia.tasks.predictor import predictor_of
from dl4ia.tracking.live import publish
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.runs import RunView
from tests.tracking.conftest import NAME, client_of, published, runs_of
from tests.tracking.samples import finished, model


@pytest.fixture(scope="session")
def address(public):
    """The address of the model of the first seed."""
    return address_of(runs_of(public)[f"{NAME}/seed-0"])


def address_of(run):
    return f"models:/{run.outputs.model_outputs[0].model_id}"


@pytest.fixture(autouse=True)
def _address_of_the_user(public, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{public.root}/mlflow.db")


def files_of(images):
    """Return images (n, 1, h, w) as a request."""
    files = [BytesIO() for _ in images]
    for file, (gray,) in zip(files, images, strict=True):
        Image.fromarray(gray).save(file, format="PNG")
    return pd.DataFrame({"image": [base64.b64encode(file.getvalue()).decode() for file in files]})


def test_a_runs_model_predicts_what_the_run_does(public, address):
    images = ImageSet.load(public.dataset("mnist", "test")).images[:5]
    answer = mlflow.pyfunc.load_model(address).predict(files_of(images))
    network = load_model(str(public.run(NAME, 0).path))
    expected = [
        predictor_of(network.task).predict(np.repeat(gray[..., None], 3, axis=2), network.probabilities).row
        for (gray,) in images
    ]
    pd.testing.assert_frame_equal(answer, pd.DataFrame(expected))


def test_the_model_says_what_it_takes_and_what_computes_it(public, address):
    info = mlflow.models.get_model_info(address)
    about = info.metadata["input"]
    assert about.startswith("Takes a table with a column `image`: BMP, JPEG, PNG or TIFF files of any size, in base64")
    (model,) = [m for m in client_of(public).search_logged_models(_experiments(public)) if address.endswith(m.model_id)]
    assert model.tags["mlflow.note.content"] == about
    requirements = Path(mlflow.artifacts.download_artifacts(address), "requirements.txt").read_text().split()
    assert {"dl4ia", f"torch=={torch.__version__.split('+')[0]}"} <= set(requirements)


def test_the_model_has_a_name_and_the_final_metrics_of_its_run(public):
    models = {model.name: model for model in client_of(public).search_logged_models(_experiments(public))}
    assert set(models) == {f"{NAME}-seed-0", f"{NAME}-seed-1"}
    run = runs_of(public)[f"{NAME}/seed-0"]
    metrics = {metric.key: metric.value for metric in models[f"{NAME}-seed-0"].metrics}
    assert metrics == {
        name: value for name, value in run.data.metrics.items() if not name.startswith(("curve", "sched"))
    }


def _experiments(public):
    return [runs_of(public)[f"{NAME}/seed-0"].info.experiment_id]


@pytest.mark.slow
def test_a_file_of_a_run_that_cannot_be_read_is_no_outage(layout, monkeypatch):
    """So that publishing continues with the next run."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # which names the database that all tests read

    def refuse(_folder):
        raise PermissionError(errno.EACCES, "Permission denied", "out/runs/a/seed-0/model.safetensors")

    record = finished(0.9, 0.5, model=replace(model(), save=refuse))
    message = r"^out/runs/a/seed-0/model.safetensors: Permission denied: see that it can be read$"
    with pytest.raises(RunError, match=message):
        connect(layout).update(record)


@pytest.mark.slow
def test_a_run_whose_model_takes_arrays_is_sent_again_with_one_that_takes_files(experiment, tmp_path, monkeypatch):
    """As the versions before have published it: an exported program, in a run that notes its weights alone."""
    layout = experiment.layout
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{layout.root}/mlflow.db")
    with monkeypatch.context() as before:
        before.setattr("dl4ia.tracking.runs.takes_pictures", lambda task: False)
        before.setattr("dl4ia.tracking.runs._MODELS", "")
        run, client = published(experiment), client_of(layout)
    old = client.create_logged_model(run.info.experiment_id, source_run_id=run.info.run_id)
    mlflow.pytorch.save_model(nn.Linear(2, 2), tmp_path / "model", serialization_format="pickle")
    client.log_model_artifacts(old.model_id, str(tmp_path / "model"))
    client.finalize_logged_model(old.model_id, "READY")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(old.model_id, step=0)])
    publish([RunView(experiment)], layout)
    again = runs_of(layout)[f"{NAME}/seed-0"]
    assert again.info.run_id != run.info.run_id
    images = ImageSet.load(layout.dataset("mnist", "test")).images[:2]
    assert len(mlflow.pyfunc.load_model(address_of(again)).predict(files_of(images))) == 2
    assert [model.name for model in client.search_logged_models([run.info.experiment_id])] == [f"{NAME}-seed-0"]
    assert publish([RunView(experiment)], layout) == 1
    assert runs_of(layout)[f"{NAME}/seed-0"].info.run_id == again.info.run_id
