"""Files that are never truncated: written to a temporary file beside them, flushed, renamed."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = ".partial-"  # of the temporary files


def _mode() -> int:
    """Return the mode that the user's umask gives a new file; temporary files have a stricter one."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


_MODE = _mode()  # read once: the mask belongs to the whole process, and other threads write files too


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the name `path` once all is written; on an error the previous file stays.

    An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{_PREFIX}{path.name}-", delete=False) as opened:
            temporary = Path(opened.name)
            yield opened  # type: ignore[misc]  # a wrapper around a BinaryIO
            opened.flush()
            os.fsync(opened.fileno())
        temporary.chmod(_MODE)
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and (temporary is None or error.filename in (None, str(temporary))):
            error.filename = str(path)  # a full disk names none, and others the temporary file
        raise


def write(path: Path, content: bytes) -> None:
    """Write all of a file, or nothing."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401 (anything JSON can hold)
    """Write indented JSON; the only format of JSON files in this project."""
    write(path, json.dumps(content, indent=2).encode() + b"\n")


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table without its index."""
    write(path, table.to_csv(index=False, lineterminator="\n").encode())


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
