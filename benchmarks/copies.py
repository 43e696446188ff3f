"""Working copies that are thrown away, with the images of this one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dl4ia.runs.layout import Layout

_KEPT = ("out/dataset", "out/split")


@contextmanager
def temporary_copy() -> Iterator[Layout]:
    """Yield a working copy that has the datasets and splits of the one in this folder, and results of its own."""
    with TemporaryDirectory() as folder:
        for kept in _KEPT:
            target = Path(folder, kept)
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(Path(kept).resolve())
        yield Layout(Path(folder))
