"""Where studies are kept: a SQLite file at the root of the working copy, or any database that Optuna takes."""

import json
import logging
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from dl4ia import files
from dl4ia.config import Study, flat
from dl4ia.errors import DataError, RunError
from dl4ia.provenance import code_hash
from dl4ia.runs import Layout
from dl4ia.search.samplers import pruner_for, sampler_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filelock import BaseFileLock

HEARTBEAT, GRACE = 3, 15  # seconds between two heartbeats, and without one before a trial counts as dead
_BUSY = 60  # seconds that a worker waits while another one writes to a SQLite file


def default_url(layout: Layout) -> str:
    """Return the address of the SQLite file at the root of the working copy."""
    return f"sqlite:///{layout.root.resolve() / 'studies.db'}"


def lock_of(layout: Layout) -> "BaseFileLock":
    """Return what processes hold while they create the tables or take a trial: SQLite does not lock for them."""
    return FileLock(layout.root / "studies.db.lock")


def open_study(name: str, study: Study, layout: Layout, url: str) -> optuna.Study:
    """Return the study in the database at `url`; it is created if need be.

    Raises RunError where the database cannot be had, or has a study of that name that searches something else, and
    DataError where there are no training images.
    """
    wanted = _definition(study, layout)
    # Two processes that create the tables at once trip over each other.
    with said_in_one_line(url, ImportError, RuntimeError, OSError), lock_of(layout):
        storage = _storage(url)
        found = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler_for(study),
            pruner=pruner_for(study),
            direction="maximize",
            load_if_exists=True,
        )
        there = found.user_attrs.get("definition")
        if there is None:
            found.set_user_attr("key", uuid.uuid4().hex)
            found.set_user_attr("definition", wanted)
        elif there != wanted:
            raise RunError(_difference(name, url, there, wanted))
    return found


def _storage(url: str) -> RDBStorage:
    logging.getLogger("alembic").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return RDBStorage(
        url,
        engine_kwargs={"connect_args": {"timeout": _BUSY}} if url.startswith("sqlite:") else None,
        heartbeat_interval=HEARTBEAT,
        grace_period=GRACE,
    )


def _definition(study: Study, layout: Layout) -> dict[str, Any]:
    """Return all that decides what a trial is worth; how many there are, and how they are chosen, may change."""
    chosen = study.model_dump(
        mode="json", include={"space", "base", "objective", "iterations", "evaluate_every", "seed"}
    )
    split = layout.split("warwick", study.objective.strategy)
    try:
        data, held_out = files.digest(layout.dataset("warwick", "train")), files.digest(split)
    except FileNotFoundError as error:
        raise DataError(f"{error.filename} is missing: run `dvc repro split` first") from error
    definition = chosen | {
        "data": data,
        "split": held_out if study.objective.kind == "split" else None,
        "code": code_hash("data/splits.py", "search/objective.py"),
    }
    return dict(json.loads(json.dumps(definition)))


def _difference(name: str, url: str, there: dict[str, Any], wanted: dict[str, Any]) -> str:
    before, now = flat(there), flat(wanted)
    key = next(key for key in [*now, *before] if before.get(key) != now.get(key))
    place = _public(url)
    return (
        f"study {name!r} in {place} was made with another {key}: {before.get(key)!r} there, {now.get(key)!r} now. Give "
        f"the study another name in params.yaml, or delete what was found: "
        f"`optuna delete-study --study-name {name} --storage {place}`"
    )


@contextmanager
def said_in_one_line(url: str, *others: type[Exception]) -> "Iterator[None]":
    """Turn what a database can do wrong, and `others`, into a RunError."""
    try:
        yield
    except Exception as error:
        cause = _first_of(error, (SQLAlchemyError, OptunaError, *others))
        if cause is None:
            raise
        reason = " ".join(str(cause).split("(Background")[0].split())[:200]
        raise RunError(
            f"no study can be kept at {_public(url)} ({reason}): check the address, and that it answers"
        ) from error


def _first_of(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> BaseException | None:
    """Return the error of such a kind that led to `error`: Optuna stumbles over those of its database."""
    while error is not None and not isinstance(error, kinds):
        error = error.__context__
    return error


def _public(url: str) -> str:
    """Return an address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return url
