"""MLflow's errors in one line, with what to do."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from dl4ia.base.errors import UserError
from dl4ia.tracking.tracker import OutageError, TrackerError

_LATER = "`make publish` sends the rest"
_REFUSALS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of your account",
    HTTPStatus.FORBIDDEN: (
        "ask who runs it for the permission MANAGE, or for this address among its --allowed-hosts, "
        "or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD if a proxy wants them"
    ),
}
_REMEDIES = {
    "file is not a database": "move or delete that file",
    "database schema": "run `mlflow db upgrade {place}`, or install the MLflow that made it",
    "No module named": "install that driver",
}  # of what does not pass by itself, by a part of the reason


def without_password(text: str) -> str:
    """Return a text whose addresses have no user and password."""
    return re.sub(r"//[^/@\s]*@", "//", text)


@contextmanager
def explained(address: str, what: str) -> Iterator[None]:
    """Raise OutageError for what goes wrong with MLflow at `address`, or TrackerError if it only refuses `what`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # whatever a server, a database or a disk can do wrong
        place, reason = without_password(address), without_password(_line_of(error))
        status = _status(error)
        if status is not None and status in _REFUSALS:
            raise OutageError(
                f"MLflow at {place} refuses access ({reason}): {_REFUSALS[status]}, then {_LATER}"
            ) from error
        if status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TrackerError(f"MLflow at {place} refuses {what} ({reason})") from error
        remedy = next((each for sign, each in _REMEDIES.items() if sign in reason), "check it").format(place=place)
        raise OutageError(f"MLflow at {place} is not available ({reason}): {remedy}, then {_LATER}") from error


def _status(error: Exception) -> int | None:
    """Return the HTTP status of an answer of MLflow, its databases' included."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

    return int(error.get_http_status_code()) if isinstance(error, MlflowException) else None  # type: ignore[no-untyped-call]


def _line_of(error: BaseException) -> str:
    """Return what an error goes back to, in one line: libraries wrap it into several of their own."""
    cause = error.__cause__ or error.__context__
    while cause is not None and not isinstance(cause, LookupError):  # a failed search, which is no reason
        error, cause = cause, cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
