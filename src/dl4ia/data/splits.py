"""Which training images validate: index lists, disjoint by content and, where asked, by patient."""

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError
from dl4ia.base.schema import Count, Seed, Strict
from dl4ia.data.imageset import ImageSet

_DRAWS = 1000  # of patients, among which are enough that suit
_Index = Annotated[int, Field(ge=0, strict=True)]


class SplitSizes(Strict):
    """How a training partition is divided: `validation` is a number of images, or a fraction of them.

    It is divided into `folds` folds, and drawn anew `repeats` times.
    """

    seed: Seed
    validation: Count | Annotated[float, Field(gt=0, le=0.5)]
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    repeats: Annotated[int, Field(ge=2, le=100)] = 20


@dataclass(frozen=True)
class Split:
    """Indices into the training partition."""

    train: Annotated[tuple[_Index, ...], Field(min_length=1)]
    validation: tuple[_Index, ...]


def save_splits(path: Path, splits: list[Split]) -> None:
    """Write the splits of one strategy as JSON: one, or several folds."""
    atomic_files.write(path, json.dumps([asdict(split) for split in splits]).encode())


def load_split(path: Path, seed: int, count: int) -> Split:
    """Return the split of the run with that seed: the one there is, or number `seed` modulo how many there are.

    Raises DataError if the file is missing, is no list of splits, or is not one of `count` images.
    """
    try:
        splits = TypeAdapter(list[Split]).validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing: run `dvc repro split` first, `dvc repro split-folder` for your own folders"
        ) from error
    except ValidationError as error:
        reason = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
        raise DataError(
            f"{path} is not a list of splits ({reason}): "
            f"run `dvc repro -f split`, `dvc repro -f split-folder` for your own folders"
        ) from error
    if not splits:
        raise DataError(
            f"{path} has no splits: run `dvc repro -f split`, `dvc repro -f split-folder` for your own folders"
        )
    split = splits[seed % len(splits)]
    indices = [*split.train, *split.validation]
    if len(set(indices)) < len(indices):
        raise DataError(
            f"{path} names an image twice: run `dvc repro -f split`, `dvc repro -f split-folder` for your own folders"
        )
    if max(indices) >= count:
        raise DataError(
            f"{path} is not a split of {count} images: "
            f"run `dvc repro -f split`, `dvc repro -f split-folder` for your own folders"
        )
    return split


def no_validation(images: ImageSet, _sizes: SplitSizes) -> list[Split]:
    """Train on all images, as Exercise 2.1 does."""
    return [Split(tuple(range(len(images))), ())]


def random_split(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Hold out images at random; equal images stay together."""
    from sklearn.model_selection import GroupShuffleSplit  # noqa: PLC0415 (a second to import, and trainings only read)

    if isinstance(sizes.validation, int) and sizes.validation >= len(images):
        raise DataError(f"params.yaml: split: {sizes.validation} images cannot be held out of {len(images)}")
    splitter = GroupShuffleSplit(n_splits=1, test_size=sizes.validation, random_state=sizes.seed)
    return [_split(*next(splitter.split(images.images, groups=_content(images))))]


def patient_split(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Hold out about the fraction `validation` of the images: all images of some patients.

    One patient may have a fifth of all images, and then grades cannot be balanced in every fold: of the folds, the one
    whose grades are nearest those of the whole set validates.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    fraction = sizes.validation / len(images) if isinstance(sizes.validation, int) else sizes.validation
    splitter = StratifiedGroupKFold(n_splits=round(1 / fraction), shuffle=True, random_state=sizes.seed)
    folds = splitter.split(images.images, images.strata, images.groups)
    return [_split(*min(folds, key=lambda fold: _imbalance(images.strata, images.strata[fold[1]])))]


def random_folds(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Divide the images at random into `folds` folds, each of which validates once; equal images stay together."""
    return folds(images, sizes.folds, "random", sizes.seed)


def patient_folds(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Divide the patients into `folds` folds, each of which validates once."""
    return folds(images, sizes.folds, "patient", sizes.seed)


def random_repeats(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Hold out images at random, `repeats` times; the first time as `random_split`."""
    seeds = range(sizes.seed, sizes.seed + sizes.repeats)
    return [split for seed in seeds for split in random_split(images, sizes.model_copy(update={"seed": seed}))]


def patient_repeats(images: ImageSet, sizes: SplitSizes) -> list[Split]:
    """Hold out all images of other patients `repeats` times, about as many images each time.

    These are the first different draws of patients that have the wanted number of images to a fifth; folds of about the
    same grades, as in `patient_split`, would be the same ones again and again. Raises DataError if there are too few.
    """
    from sklearn.model_selection import GroupShuffleSplit  # noqa: PLC0415

    wanted = sizes.validation if isinstance(sizes.validation, int) else sizes.validation * len(images)
    splitter = GroupShuffleSplit(n_splits=_DRAWS, test_size=wanted / len(images), random_state=sizes.seed)
    draws = (_split(*parts) for parts in splitter.split(images.images, groups=images.groups))
    suitable = dict.fromkeys(draw for draw in draws if abs(len(draw.validation) - wanted) <= wanted / 5)
    if len(suitable) < sizes.repeats:
        raise DataError(f"params.yaml: split: {sizes.repeats} splits by patient are wanted, found {len(suitable)}")
    return list(suitable)[: sizes.repeats]


def folds(images: ImageSet, count: int, strategy: str, seed: int) -> list[Split]:
    """Divide the images into `count` folds of about the same grades; each validates once.

    By `patient`, all images of a patient are in one fold; at `random`, only equal images stay together.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    groups = images.groups if strategy == "patient" else _content(images)
    if len(set(groups)) < count:
        raise DataError(f"params.yaml: {count} folds cannot be made of {len(set(groups))} groups of images")
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a grade of fewer images than folds cannot be in all of them
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [_split(*fold) for fold in splitter.split(images.images, images.strata, groups)]


STRATEGIES: dict[str, Callable[[ImageSet, SplitSizes], list[Split]]] = {
    "none": no_validation,
    "random": random_split,
    "patient": patient_split,
    "random-folds": random_folds,
    "patient-folds": patient_folds,
    "random-repeats": random_repeats,
    "patient-repeats": patient_repeats,
}


def _imbalance(strata: NDArray[np.str_], held_out: NDArray[np.str_]) -> float:
    """Return how far the proportions of `held_out` are from those of `strata`."""
    kinds = np.unique(strata)
    return float(sum(abs((strata == kind).mean() - (held_out == kind).mean()) for kind in kinds))


def _split(train: NDArray[np.int64], validation: NDArray[np.int64]) -> Split:
    return Split(tuple(sorted(train.tolist())), tuple(sorted(validation.tolist())))


def _content(images: ImageSet) -> list[str]:
    """Return one key an image that only equal images share."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images.images]
