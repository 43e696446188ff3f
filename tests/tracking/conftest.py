"""An MLflow database of its own for each test."""

import mlflow
import pytest


@pytest.fixture(autouse=True)
def _own_database(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    mlflow.set_tracking_uri(None)
