"""Which training images validate: index lists, disjoint by content and, where asked, by patient."""

import hashlib
import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from dl4ia import files
from dl4ia.config import SplitSizes
from dl4ia.data.imageset import ImageSet
from dl4ia.errors import DataError

_Index = Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True)
class Split:
    """Indices into the training partition."""

    strategy: str
    train: Annotated[tuple[_Index, ...], Field(min_length=1)]
    validation: tuple[_Index, ...]

    def save(self, path: Path) -> None:
        """Write as JSON, by rename."""
        files.write(path, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raise DataError if it is missing or not a split."""
        try:
            split: Self = TypeAdapter(cls).validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise DataError(f"{path} is missing: run `dvc repro split` first") from error
        except ValidationError as error:
            reason = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
            raise DataError(f"{path} is not a split ({reason}): run `dvc repro -f split`") from error
        if len({*split.train, *split.validation}) < len(split.train) + len(split.validation):
            raise DataError(f"{path} names an image twice: run `dvc repro -f split`")
        return split

    def within(self, count: int) -> Self:
        """Return it, if it is one of `count` images; raises DataError otherwise."""
        if max((*self.train, *self.validation)) >= count:
            raise DataError(f"the {self.strategy} split is not one of {count} images: run `dvc repro -f split`")
        return self


def no_validation(images: ImageSet) -> Split:
    """Train on all, as Exercise 2.1 does."""
    return Split("none", tuple(range(len(images))), ())


def random_split(images: ImageSet, validation: float, seed: int) -> Split:
    """Hold out `validation` images (a number if an int, a fraction if a float); equal images stay together."""
    from sklearn.model_selection import GroupShuffleSplit  # noqa: PLC0415 (a second to import, and trainings only read)

    if isinstance(validation, int) and validation >= len(images):
        raise DataError(f"params.yaml: split: {validation} images cannot be held out of {len(images)}")
    splitter = GroupShuffleSplit(n_splits=1, test_size=validation, random_state=seed)
    return _split("random", *next(splitter.split(images.images, groups=_content(images))))


def patient_split(images: ImageSet, validation: float, seed: int) -> Split:
    """Hold out about the fraction `validation` of the images: all of some patients.

    One patient may have a fifth of all images, and then grades cannot be balanced in every fold: of the folds, the one
    whose grades are nearest those of the whole set validates.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    splitter = StratifiedGroupKFold(n_splits=round(1 / validation), shuffle=True, random_state=seed)
    folds = splitter.split(images.images, images.strata, images.groups)
    return _split("patient", *min(folds, key=lambda fold: _imbalance(images.strata, images.strata[fold[1]])))


def folds(images: ImageSet, count: int, strategy: str, seed: int) -> list[Split]:
    """Divide the images into `count` folds of about the same grades; each validates once.

    By `patient`, all images of a patient are in one fold; at `random`, only equal images stay together.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    groups = images.groups if strategy == "patient" else _content(images)
    if len(set(groups)) < count:
        raise DataError(f"params.yaml: objective.folds: {count} folds cannot be made of {len(set(groups))} groups")
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a grade of fewer images than folds cannot be in all of them
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [_split(strategy, *fold) for fold in splitter.split(images.images, images.strata, groups)]


def _imbalance(strata: NDArray[np.str_], held_out: NDArray[np.str_]) -> float:
    """Return how far the proportions of `held_out` are from those of `strata`."""
    kinds = np.unique(strata)
    return float(sum(abs((strata == kind).mean() - (held_out == kind).mean()) for kind in kinds))


def _split(strategy: str, train: NDArray[np.int64], validation: NDArray[np.int64]) -> Split:
    return Split(strategy, tuple(sorted(train.tolist())), tuple(sorted(validation.tolist())))


def _content(images: ImageSet) -> list[str]:
    """Return one key an image that only equal images share."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images.images]


def write_splits(dataset: Path, folder: Path, sizes: SplitSizes) -> None:
    """Read the training partitions in `dataset` and write `<task>-<strategy>.json` to `folder`."""
    digits, glands = (ImageSet.load(dataset / f"{task}-train.npz") for task in ("mnist", "warwick"))
    for task, split in (
        ("mnist", no_validation(digits)),
        ("mnist", random_split(digits, sizes.mnist_validation, sizes.seed)),
        ("warwick", no_validation(glands)),
        ("warwick", random_split(glands, sizes.warwick_validation, sizes.seed)),
        ("warwick", patient_split(glands, sizes.warwick_validation, sizes.seed)),
    ):
        split.save(folder / f"{task}-{split.strategy}.json")
