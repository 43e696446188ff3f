"""How many connections to PostgreSQL are open."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text

_PAUSE = 0.02  # seconds between two looks: a process needs some connections for a moment only
_OTHERS = text("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()")


@contextmanager
def counted(url: str) -> Iterator[list[int]]:
    """Yield a list that grows while it is open: how many connections others have, beside those that they had before."""
    ended, counts = threading.Event(), [0]
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        before = connection.execute(_OTHERS).scalar_one()

        def count() -> None:
            while not ended.wait(_PAUSE):
                counts.append(connection.execute(_OTHERS).scalar_one() - before)

        thread = threading.Thread(target=count)
        thread.start()
        try:
            yield counts
        finally:
            ended.set()
            thread.join()
