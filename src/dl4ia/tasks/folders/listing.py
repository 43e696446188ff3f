"""Which files of a folder belong together: images with their masks, or with their classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dl4ia.base.errors import DataError
from dl4ia.data.pictures import SUFFIXES

if TYPE_CHECKING:
    from dl4ia.tasks.folders.task import FolderTask

_NAMED = 3  # files that a message names
_LITTER = {"thumbs.db", "desktop.ini"}  # what file managers leave, beside hidden files


@dataclass(frozen=True)
class Item:
    """An image: with its mask, or of the class that is its `stratum`. `name` is unique within a part."""

    name: str
    image: Path
    mask: Path | None
    stratum: str


def items_of(task: "FolderTask", folder: Path) -> list[Item]:
    """Return the images of a folder, sorted; raises DataError."""
    return _with_masks(folder) if task.signature.dense else _by_class(task, folder)


def _with_masks(folder: Path) -> list[Item]:
    images, masks = (_files(folder / name) for name in ("images", "masks"))
    for files, counterparts, what, other in ((images, masks, "images", "masks"), (masks, images, "masks", "images")):
        if extra := sorted(files.keys() - counterparts.keys()):
            names = _listed(files[stem].name for stem in extra)
            raise DataError(
                f"{folder / what}: {len(extra)} of {len(files)} files have none of the same name in {other}/: {names}"
            )
    return [Item(stem, path, masks[stem], "") for stem, path in images.items()]


def _by_class(task: "FolderTask", folder: Path) -> list[Item]:
    key = f"params.yaml: datasets.{task.name}.classes"
    if loose := [path.name for path in _inside(folder) if path.suffix.lower() in SUFFIXES]:
        raise DataError(f"{folder}: {len(loose)} images are in none of the folders of the classes: {_listed(loose)}")
    folders = [path.name for path in _inside(folder) if path.is_dir()]
    if others := [name for name in folders if name not in task.classes]:
        raise DataError(f"{folder}: {key} does not have {_listed(others)}: add it there, or move the folder elsewhere")
    items = []
    for name in task.classes:
        if name not in folders:
            raise DataError(f"{key}: there is no folder {folder / name}, only {_listed(folders) or 'none'}")
        items += [Item(f"{name}/{stem}", path, None, name) for stem, path in _files(folder / name).items()]
    return items


def _files(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder by their names without ending, sorted; raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing, expected a folder of images")
    files: dict[str, Path] = {}
    for path in _inside(folder):
        if path.is_dir() or path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path}: expected an image file ({', '.join(SUFFIXES)}): move it elsewhere")
        if path.stem in files:
            raise DataError(f"{path} has the same name as {files[path.stem].name}: rename one of them")
        files[path.stem] = path
    if not files:
        raise DataError(f"{folder} is empty, expected image files ({', '.join(SUFFIXES)})")
    return files


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name, without what file managers leave there."""
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.name.lower() not in _LITTER)


def _listed(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
