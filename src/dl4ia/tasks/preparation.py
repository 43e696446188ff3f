"""From published files, or the stand-in, to the two arrays of a task: training and test partition."""

from pathlib import Path

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError, UnavailableError
from dl4ia.data.publication import Source
from dl4ia.data.sources import MIRROR_VARIABLE, fetch
from dl4ia.tasks.task import Task

STAND_IN, PUBLISHED = "stand-in", "published"


def prepare(task: Task, data: Path, folder: Path, source: Source) -> None:
    """Write `<task>-train.npz`, `<task>-test.npz` and `<task>-source.json` to `folder`.

    The published files are brought to `data` if they are not there. With `auto`, a dataset that is not available is
    replaced by the stand-in, and said to be.
    """
    origin = _origin(task, data, source)
    digests = {}
    for partition, parts in task.parts.items():
        images = task.stand_in(parts) if origin == STAND_IN else task.read(data / task.name, parts)
        shape = (task.signature.channels, task.signature.height, task.signature.width)
        if not images.suits(shape, task.signature.classes):
            raise DataError(f"{task.name}: images of {images.images.shape[1:]} or their targets do not suit the task")
        images.save(folder / f"{task.name}-{partition}.npz")
        digests[partition] = atomic_files.digest(folder / f"{task.name}-{partition}.npz")
    atomic_files.write_json(folder / f"{task.name}-source.json", {"source": origin, "sha256": digests})


def _origin(task: Task, data: Path, source: Source) -> str:
    """Return PUBLISHED once the files are in `data`, or STAND_IN."""
    if source == STAND_IN or task.publication is None:
        return STAND_IN
    try:
        place = fetch(task.publication, data, source)
    except UnavailableError as error:
        if source != "auto":
            raise
        print(f"{task.name}: using the STAND-IN, not real data: {error}")  # noqa: T201
        print(f"{task.name}: set {MIRROR_VARIABLE} or see docs/data.md for how to get the published files")  # noqa: T201
        return STAND_IN
    print(f"{task.name}: published files, {place}")  # noqa: T201
    return PUBLISHED
