"""An MLflow database of its own for each test, and a run to show in it."""

import mlflow
import pytest

from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import Experiment
from dl4ia.report.pictures import draw_run
from dl4ia.train import train
from tests.conftest import shortened

NAME = "mnist-fc"


@pytest.fixture(autouse=True)
def _own_database(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    mlflow.set_tracking_uri(None)


@pytest.fixture
def experiment(params, layout) -> Experiment:
    experiment = Experiment(NAME, shortened(params.variant(NAME)), 0, layout)
    train(experiment, lambda _: None)
    return experiment


@pytest.fixture
def evaluated(experiment) -> Experiment:
    for folder in evaluate_variant(NAME, experiment.variant, experiment.layout):
        draw_run(folder)
    return experiment
