"""Where MLflow keeps its data, and connecting to it."""

import logging
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dl4ia.base.working_copy import lasting
from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow.errors import explained, without_password
from dl4ia.tracking.mlflow.experiments import Experiments, is_own
from dl4ia.tracking.mlflow.identity import Identity
from dl4ia.tracking.mlflow.tracker import MlflowTracker
from dl4ia.tracking.tracker import OutageError, TrackerError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_VARIABLE = "MLFLOW_TRACKING_URI"
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}


def connect(layout: Layout) -> MlflowTracker:
    """Return MLflow at MLFLOW_TRACKING_URI, or in a SQLite file of the working copy, which is created if need be.

    Raises TrackerError. Two processes must not do this at once: SQLite does not keep them apart.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401, PLC0415 (seconds to import; it sets the levels that are changed below)

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    address = address_of(layout)
    try:
        client = _client(address)
    finally:
        _enable_loggers()
    artifacts = (lasting(layout.root) / "mlartifacts").as_uri() if address.startswith("sqlite:") else None
    if artifacts is not None:
        _check_place(client, address, artifacts)
    place = f"{platform.node()}:{lasting(layout.root).resolve()}"
    return MlflowTracker(client, address, Experiments(client, address, artifacts), Identity(client, place))


def _enable_loggers() -> None:
    """Enable this project's loggers again: Alembic, which creates MLflow's tables, disables all loggers there are."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("dl4ia") and isinstance(logger, logging.Logger):
            logger.disabled = False


def address_of(layout: Layout) -> str:
    """Return MLFLOW_TRACKING_URI, or the address of a SQLite file at the root of the (lasting) working copy.

    It is relative to the current folder, whose name may then have `%` or `?`: SQLAlchemy takes these for something else
    unless they are quoted, and MLflow would make a folder of the quoted name.
    """
    path = os.path.relpath(lasting(layout.root) / "mlflow.db").replace("%", "%25").replace("?", "%3F")
    return os.environ.get(_VARIABLE) or f"sqlite:///{path}"


def _client(address: str) -> "MlflowClient":
    """Return a client that has had an answer; a database has its tables then."""
    from mlflow import MlflowClient  # noqa: PLC0415

    try:
        with explained(address, "this address"):
            _check_database(address)
            client = MlflowClient(address)
            client.search_experiments(max_results=1)
    except OutageError:
        raise
    except TrackerError as error:
        expected = "of a server, such as http://127.0.0.1:5000, or of a database, such as sqlite:////folder/mlflow.db"
        raise TrackerError(f"{_VARIABLE}: {error}: correct it; expected the address {expected}") from error
    return client


def _check_database(address: str) -> None:
    """Read from a database once, if it is there: MLflow itself would try to, in vain, for a minute and a half."""
    from mlflow.store.db.db_types import DATABASE_ENGINES  # noqa: PLC0415
    from sqlalchemy import create_engine, inspect  # noqa: PLC0415

    if urlsplit(address).scheme.partition("+")[0] not in DATABASE_ENGINES:
        return
    engine = create_engine(address)
    if engine.dialect.name == "sqlite" and str(engine.url.database or ":memory:").startswith((":memory:", "~")):
        raise TrackerError(f"{address} is no file that lasts")
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file is None or Path(file).exists():
        inspect(engine).get_table_names()
    engine.dispose()


def _check_place(client: "MlflowClient", address: str, artifacts: str) -> None:
    """Raise TrackerError if the working copy was moved: MLflow keeps absolute paths, and would use the old ones.

    Experiments of other programs, and those made in MLflow's pages, may be anywhere. A database that
    MLFLOW_TRACKING_URI names may be that of several working copies: there, only one that is gone was moved.
    """
    shared = bool(os.environ.get(_VARIABLE))
    for experiment in client.search_experiments():
        location = str(experiment.artifact_location)
        if not is_own(experiment) or not location.startswith("file:") or location.startswith(artifacts):
            continue
        if not shared or not Path(url2pathname(urlsplit(location).path)).parent.exists():
            raise TrackerError(
                f"the MLflow database at {without_password(address)} was made for files in {location}, and that folder "
                f"has been moved or copied since: delete the database, and `make publish` recreates it"
            )
