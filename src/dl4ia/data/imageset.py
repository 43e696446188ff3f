"""A set of images with their targets, as one file on disk."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError

OUTSIDE = 255  # in `objects`
_IMAGES = 4  # dimensions: number, channels, height, width
_UNREADABLE = (ValueError, KeyError, EOFError, MemoryError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class ImageSet:
    """`n` images and what is known of each.

    `images` has shape (n, channels, height, width), uint8 or float32. `targets` is the class of each image, (n,), or of
    each pixel, (n, height, width), uint8. Images of one group (one patient) are not independent of each other;
    `strata` are the kinds (grade, digit) that a split should keep in proportion. `partition` is the published part
    (`train`, `test`, `test_a`, `test_b`). `objects`, where given, are the annotated objects at the published
    resolution, (n, height, width), uint8: 0 is the background, each other number an object of that image, and OUTSIDE
    what is beyond the right or lower border of a smaller image.
    """

    images: NDArray[np.uint8] | NDArray[np.float32]
    targets: NDArray[np.uint8]
    names: NDArray[np.str_]
    groups: NDArray[np.int64]
    strata: NDArray[np.str_]
    partition: NDArray[np.str_]
    objects: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Self:
        """Return the images at `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return type(self)(**{name: values[chosen] for name, values in self._arrays().items()})

    def suits(self, shape: tuple[int, ...], classes: int) -> bool:
        """Return whether each image has `shape` (channels, height, width) and each target is one of `classes`."""
        return self.images.shape[1:] == shape and int(self.targets.max()) < classes

    def part(self, name: str) -> Self:
        """Return the images of one published part."""
        return self.take(np.flatnonzero(self.partition == name))

    def save(self, path: Path) -> None:
        """Write to `path` (.npz)."""
        with atomic_files.replacing(path) as file:
            np.savez(file, **self._arrays())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raise DataError if it is missing, truncated or no image set."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names = [field.name for field in fields(cls) if field.name != "objects" or "objects" in arrays]
                images = cls(**{name: arrays[name] for name in names})
                images._check()
        except FileNotFoundError as error:
            raise DataError(
                f"{path} is missing: run `dvc repro split` first, `dvc repro split-folder` for your own folders"
            ) from error
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path} is not a readable image set ({reason}): run `dvc repro -f download`, "
                f"`dvc repro -f download-folder` for your own folders"
            ) from error
        return images

    def _arrays(self) -> dict[str, Any]:
        """Return the arrays by their names, without what is not given."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in arrays.items() if values is not None}

    def _check(self) -> None:
        """Raise ValueError unless the arrays are of the kinds and shapes that they must be, and fit each other."""
        count = len(self.images)
        if self.images.dtype not in (np.uint8, np.float32) or self.images.ndim != _IMAGES or not count:
            raise ValueError(f"images are {self.images.dtype} of shape {self.images.shape}")
        if self.images.dtype == np.float32 and not np.isfinite(self.images).all():
            raise ValueError("images have values that are not finite")
        if self.targets.dtype != np.uint8 or self.targets.shape not in ((count,), (count, *self.images.shape[2:])):
            raise ValueError(f"targets are {self.targets.dtype} of shape {self.targets.shape}")
        if self.objects is not None and (self.objects.dtype != np.uint8 or self.objects.shape[:-2] != (count,)):
            raise ValueError(f"objects are {self.objects.dtype} of shape {self.objects.shape}")
        for name, kind in (("names", "U"), ("groups", "i"), ("strata", "U"), ("partition", "U")):
            values = getattr(self, name)
            if values.dtype.kind != kind or values.shape != (count,):
                raise ValueError(f"{name} are {values.dtype} of shape {values.shape}")
