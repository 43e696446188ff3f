"""MLflow as a tracker: the only package that knows it. MLflow takes seconds to import, so functions import it."""

from dl4ia.tracking.mlflow.connection import connect

__all__ = ["connect"]
