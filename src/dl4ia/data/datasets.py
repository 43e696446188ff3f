"""From published files, or the stand-in, to the two arrays of each task: training and test partition."""

import json
from pathlib import Path
from typing import Any

from dl4ia import files
from dl4ia.config import Source, Task
from dl4ia.data import builtin, mnist, warwick
from dl4ia.data.archives import MIRROR_VARIABLE, fetch
from dl4ia.data.imageset import ImageSet
from dl4ia.errors import UnavailableError
from dl4ia.records import Origin, damaged, read_json

STAND_IN, PUBLISHED = "stand-in", "published"
TEST_SETS = {"mnist": ("test",), "warwick": ("test_a", "test_b")}
_PARTITIONS: dict[str, dict[str, tuple[str, ...]]] = {"mnist": {"train": ("train",), "test": ("test",)},
               "warwick": {"train": ("train",), "test": ("test_a", "test_b")}}  # fmt: skip


def prepare(data: Path, folder: Path, source: Source) -> None:
    """Write `<task>-train.npz`, `<task>-test.npz` and `source.json` to `folder`.

    The published files are brought to `data` if they are not there. With `auto`, a dataset that is not to be had is
    replaced by the stand-in, and said to be.
    """
    origins = {}
    for task, partitions in _PARTITIONS.items():
        origin = _origin(task, data, source)
        for partition, parts in partitions.items():
            images = _stand_in(task, parts) if origin == STAND_IN else _published(task, data, parts)
            images.save(folder / f"{task}-{partition}.npz")
        origins[task] = {
            "source": origin,
            "sha256": {part: files.digest(folder / f"{task}-{part}.npz") for part in partitions},
        }
    files.write(folder / "source.json", json.dumps(origins, indent=2).encode() + b"\n")


def sources(path: Path) -> dict[str, dict[str, Any]]:
    """Read `source.json`: for each task the `source` (published or stand-in) and the hash of each partition."""
    content: dict[str, dict[str, Any]] = read_json(path, dict[Task, Origin], path.parent)
    missing = [task for task in _PARTITIONS if task not in content]
    if missing:
        raise damaged(path, f"{missing[0]} is missing", path.parent)
    return content


def _origin(task: str, data: Path, source: Source) -> str:
    """Return PUBLISHED once the files are in `data`, or STAND_IN."""
    if source == STAND_IN:
        return STAND_IN
    try:
        place = fetch(task, data, source)
    except UnavailableError as error:
        if source != "auto":
            raise
        print(f"{task}: using the STAND-IN, not real data: {error}")  # noqa: T201
        print(f"{task}: set {MIRROR_VARIABLE} or see README.md to bring the published files")  # noqa: T201
        return STAND_IN
    print(f"{task}: published files, {place}")  # noqa: T201
    return PUBLISHED


def _published(task: str, data: Path, parts: tuple[str, ...]) -> ImageSet:
    return mnist.read(data / "mnist", parts[0]) if task == "mnist" else warwick.read(data / "warwick", parts)


def _stand_in(task: str, parts: tuple[str, ...]) -> ImageSet:
    return builtin.digits(parts[0]) if task == "mnist" else builtin.glands(parts)
