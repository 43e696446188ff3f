"""Which images of a folder are to train on, and which to test on."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError
from dl4ia.tasks.folders.listing import Item, items_of

if TYPE_CHECKING:
    from dl4ia.tasks.folders.task import FolderTask


@dataclass(frozen=True)
class Parts:
    """The images of `train` and `test`, each with the number of its group; without groups, equal files share one."""

    pairs: dict[str, list[tuple[Item, int]]]

    @classmethod
    def of(cls, task: "FolderTask", folder: Path) -> Self:
        """Return the parts of a folder; raises DataError if one of them, or a class in it, has too few images."""
        in_folders = task.dataset.test == "folder"
        places = [folder / part for part in task.parts] if in_folders else [folder]
        of_places = [items_of(task, place) for place in places]
        every = [item for items in of_places for item in items]
        groups = _groups(task, folder, every)
        if in_folders:
            is_test = np.repeat([False, True], [len(items) for items in of_places])
            _check_apart(every, groups, is_test)
        else:
            is_test = _drawn(task, every, groups)
        grouped = list(zip(every, groups.tolist(), strict=True))
        pairs = {
            part: [pair for pair, tested in zip(grouped, is_test, strict=True) if tested == (part == "test")]
            for part in task.parts
        }
        _check_classes(task, folder, pairs)
        _check_split(task, folder, pairs["train"])
        return cls(pairs)

    def items(self, part: str) -> list[Item]:
        """Return the images of a part."""
        return [item for item, _ in self.pairs[part]]

    def groups(self, part: str) -> NDArray[np.int64]:
        """Return the group of each image of a part."""
        return np.array([group for _, group in self.pairs[part]], dtype=np.int64)


def _groups(task: "FolderTask", folder: Path, items: Sequence[Item]) -> NDArray[np.int64]:
    """Return the number of each image's group: by the table of the dataset, or by the content of its file."""
    digests = [atomic_files.digest(item.image) for item in items]
    keys = digests if task.dataset.groups is None else _of_table(folder, folder / task.dataset.groups, items, digests)
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _of_table(folder: Path, path: Path, items: Sequence[Item], digests: Sequence[str]) -> list[str]:
    """Return each image's group in the table at `path`; raises DataError where equal files have different ones."""
    table = _read_groups(path)
    files = [item.image.relative_to(folder).as_posix() for item in items]
    if unknown := [file for file in files if file not in table]:
        raise DataError(f"{path}: {len(unknown)} of {len(files)} images are missing, such as {unknown[0]}")
    first: dict[str, str] = {}
    for file, digest in zip(files, digests, strict=True):
        other = first.setdefault(digest, file)
        if table[other] != table[file]:
            raise DataError(
                f"{path}: {other} and {file} are the same file, and of the groups {table[other]} and {table[file]}: "
                f"expected one group for both"
            )
    return [table[file] for file in files]


def _read_groups(path: Path) -> dict[str, str]:
    """Return the group of each file; raises DataError."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a table with columns file and group: {reason}") from error
    if not {"file", "group"} <= {*table.columns}:
        raise DataError(f"{path}: expected columns file and group, got {', '.join(table.columns)}")
    if repeated := table["file"][table["file"].duplicated()].tolist():
        raise DataError(f"{path}: {repeated[0]} is there twice, expected one group for each file")
    return dict(zip(table["file"], table["group"], strict=True))


def _check_apart(items: Sequence[Item], groups: NDArray[np.int64], is_test: NDArray[np.bool_]) -> None:
    """Raise DataError where a group, or a file, is both to train and to test on."""
    for group in np.intersect1d(groups[is_test], groups[~is_test])[:1]:
        train, test = (items[np.flatnonzero((groups == group) & part)[0]].image for part in (~is_test, is_test))
        raise DataError(f"{test} is to test on, and {train} is the same file or of the same group: keep it in one part")


def _drawn(task: "FolderTask", items: Sequence[Item], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which images are to test on: a fold of about the wanted size, with classes in proportion."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 (a second to import)

    fraction = task.dataset.test
    assert not isinstance(fraction, str)
    strata, folds = [item.stratum for item in items], round(1 / fraction)
    most, several = max(Counter(strata).values()), len(set(groups.tolist()))
    if min(most, several) < folds:
        what = "images" if most < folds or task.dataset.groups is None else "groups"
        raise DataError(
            f"params.yaml: datasets.{task.name}.test: {fraction:g} of {min(most, several)} different {what} leaves "
            f"none to test on, expected at least {folds}: add some, or state a larger fraction"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=task.dataset.seed)
    with warnings.catch_warnings():  # a class of fewer images than folds may be in none of a part: see `_check_classes`
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        _, test = next(splitter.split(strata, strata, groups))
    return np.isin(np.arange(len(items)), test)


def _check_classes(task: "FolderTask", folder: Path, pairs: dict[str, list[tuple[Item, int]]]) -> None:
    """Raise DataError for a class that a part lacks."""
    for part, of_part in pairs.items():
        strata = {item.stratum for item, _ in of_part}
        for name in () if task.signature.dense else task.classes:
            if name not in strata:
                count = sum(item.stratum == name for every in pairs.values() for item, _ in every)
                raise DataError(
                    f"{folder}: class {name} has {count} image{'s' if count > 1 else ''}, of which none is to {part} "
                    f"on: add some, or divide them by hand and set datasets.{task.name}.test to folder"
                )


def _check_split(task: "FolderTask", folder: Path, train: Sequence[tuple[Item, int]]) -> None:
    """Raise DataError for fewer images or groups to train on than every strategy of the task needs."""
    split, key = task.dataset.split, f"params.yaml: datasets.{task.name}.split"
    held_out = split.validation / len(train) if isinstance(split.validation, int) else split.validation
    if held_out > 1 / 2:
        raise DataError(f"{key}.validation: {split.validation} of {len(train)} images, expected half of them at most")
    folds = max(split.folds, round(1 / held_out) if task.dataset.groups else 0)
    largest = max(Counter(item.stratum for item, _ in train).values())
    if (several := min(largest, len({group for _, group in train}))) < folds:
        raise DataError(
            f"{key}: {several} {'groups' if task.dataset.groups else 'images'} cannot be divided into {folds} folds: "
            f"add some to {folder}, or state fewer folds{' and a larger validation' if task.dataset.groups else ''}"
        )
