"""Locks of files, which end with the process that holds them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from dl4ia.base.errors import UserError

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def file_lock(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock of a file, which is created if need be.

    Raises filelock.Timeout if another process does not release it for `patience` seconds, and UserError where the file
    system has no locks, as some network mounts.
    """
    lock = FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise UserError(
            f"{path}: this file system has no locks ({error.strerror}), which keep two processes apart: "
            f"put the working copy on a local disk"
        ) from error
    try:
        yield
    finally:
        lock.release()
