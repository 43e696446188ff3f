"""Files that are never torn: written aside, flushed, renamed."""

import glob
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the name `path` when all is written; on an error what was there stays as it was.

    An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{platform.node()}."
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):  # by one that was killed while it wrote
        number = left.name.removeprefix(prefix)
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            left.unlink(missing_ok=True)
    aside = path.with_name(f"{prefix}{os.getpid()}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say whose write it refused
        raise


def write(path: Path, content: bytes) -> None:
    """Write all of a file, or nothing."""
    with replacing(path) as file:
        file.write(content)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
