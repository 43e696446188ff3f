"""One process at a time creates tables and takes a trial, wherever it runs: the lock belongs to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout
from sqlalchemy import NullPool, create_engine, make_url, text

from dl4ia.base.errors import RunError
from dl4ia.base.locks import file_lock

_PATIENCE = 60  # seconds to wait for the lock, which is held for a few at most
_KEY = int.from_bytes(b"dl4ia")  # of the advisory lock: one in a PostgreSQL database


@contextmanager
def exclusive_lock(url: str) -> Iterator[None]:
    """Hold the lock of a database; raises RunError if another process does not release it.

    Beside a SQLite file it is a file, in PostgreSQL an advisory lock. Either ends with the process that holds it.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        path = Path(f"{address.database}.lock")
        path.touch()  # what cannot be written is no lock to wait for
        try:
            with file_lock(path, _PATIENCE):
                yield
        except Timeout as error:
            raise RunError(f"{path}: another process has held it for {_PATIENCE} s: see if it hangs") from error
        return
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{_PATIENCE}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
        yield
