"""Where studies are kept: a SQLite file at the root of the working copy, or a PostgreSQL database."""

import logging
import uuid
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from dl4ia.base.errors import RunError, UserError
from dl4ia.base.working_copy import lasting
from dl4ia.config import Study
from dl4ia.runs.layout import Layout
from dl4ia.runs.provenance import git_commit
from dl4ia.search.definition import definition_of, difference
from dl4ia.search.locks import exclusive_lock
from dl4ia.search.samplers import pruner_of, sampler_of
from dl4ia.search.score import metric_of

_BUSY = 60  # seconds that a writer waits while another one writes to a SQLite file
HEARTBEAT = 20  # seconds between two heartbeats of a trial
GRACE = 3 * _BUSY  # seconds without one before a trial counts as dead: more than a living one may have to wait


@dataclass(frozen=True)
class StoredStudy:
    """A study in the database at `url`."""

    url: str
    storage: RDBStorage
    study: optuna.Study

    @property
    def key(self) -> str:
        """The identity of the study: another one than that of a study of the same name that was deleted."""
        return str(self.study.user_attrs["key"])

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials as they are now, by number; not to be changed."""
        return self.study.get_trials(deepcopy=False)

    def lock(self) -> AbstractContextManager[None]:
        """Return the lock that a process holds while it adds or takes trials."""
        return exclusive_lock(self.url)

    def ensure_heartbeat(self, trial: optuna.Trial) -> None:
        """Record a heartbeat now: a trial without any whose process ends is never failed by other machines."""
        study = self.storage.get_study_id_from_name(self.study.study_name)
        self.storage.record_heartbeat(self.storage.get_trial_id_from_study_id_trial_number(study, trial.number))


def default_url(layout: Layout) -> str:
    """Return the address of the SQLite file at the root of the (lasting) working copy."""
    return _text(URL.create("sqlite", database=str(lasting(layout.root) / "studies.db")))


def open_study(name: str, study: Study, layout: Layout, url: str) -> StoredStudy:
    """Return the study in the database at `url`; it is created if need be.

    Raises RunError where the database is not available, or has a study of that name with another definition, and
    DataError where there are no training images.
    """
    wanted = definition_of(study, layout)
    with database_errors(url, ImportError, RuntimeError, OSError):
        url = _checked(url)
        with exclusive_lock(url):  # two processes that create the tables at once fail
            storage = _storage(url)
            optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
            stored = _loaded(name, study, url, storage)
            definition = stored.study.user_attrs.get("definition")
            if definition is None:
                _describe(stored.study, study)
                attributes = {"about": study.about, "git_commit": git_commit(), "key": uuid.uuid4().hex}
                for key, value in (attributes | {"definition": wanted}).items():  # the definition last: all is there
                    stored.study.set_user_attr(key, value)
            elif definition != wanted:
                commit = stored.study.user_attrs.get("git_commit", "")
                raise RunError(difference(name, _public(url), commit, definition, wanted))
    return stored


def _describe(stored: optuna.Study, study: Study) -> None:
    """Let optuna-dashboard show what is maximised, and what the study is about."""
    # Takes a second to import, once in the life of a study.
    from optuna_dashboard import save_note  # type: ignore[import-untyped]  # noqa: PLC0415

    stored.set_metric_names([metric_of(study).replace("/", " ")])
    save_note(stored, study.about)


def join_study(name: str, study: Study, url: str) -> StoredStudy:
    """Return a study that another process has opened; raises RunError."""
    with database_errors(url, ImportError, RuntimeError, OSError, KeyError):
        return _loaded(name, study, url, _storage(url))


@contextmanager
def database_errors(url: str, *others: type[Exception]) -> Iterator[None]:
    """Turn the errors of a database, and `others`, into a RunError of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        cause = _cause(error, (SQLAlchemyError, OptunaError, *others))
        if cause is None:
            raise
        reason = " ".join(str(cause).split("(Background")[0].split())[:200]
        raise _refused(url, f"{reason}: check the address, and that the database answers") from error


def _checked(url: str) -> str:
    """Return an address in full; raises RunError for a database that cannot be shared between processes."""
    address = make_url(url)
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise _refused(url, "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    if address.get_backend_name() == "sqlite":
        if address.database in (None, "", ":memory:") or str(address.database).startswith("file:"):
            raise _refused(url, "expected the path of a file: workers cannot share a database in memory")
        path = Path(str(address.database)).expanduser().resolve()
        if path.is_dir():
            raise _refused(url, "expected the path of a file, and this is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        address = address.set(database=str(path))
    return _text(address)


def _storage(url: str) -> RDBStorage:
    logging.getLogger("alembic").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    connect = {"connect_args": {"timeout": _BUSY}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=connect, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


def _loaded(name: str, study: Study, url: str, storage: RDBStorage) -> StoredStudy:
    sampler, pruner = sampler_of(study), pruner_of(study)
    return StoredStudy(
        url, storage, optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
    )


def _cause(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> BaseException | None:
    """Return the error of such a kind that led to `error`: Optuna fails in other ways after its database did."""
    while error is not None and not isinstance(error, kinds):
        error = error.__context__
    return error


def _refused(url: str, reason: str) -> RunError:
    return RunError(f"no study can be kept at {_public(url)}: {reason}")


def _public(url: str) -> str:
    """Return an address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return url


def _text(address: URL) -> str:
    return address.render_as_string(hide_password=False)
