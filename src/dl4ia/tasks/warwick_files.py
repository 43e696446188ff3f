"""The published files of Warwick-QU, read into arrays: two stain channels and a mask, 128x128.

The report used a course's preparation of this set that is not public; `read` derives one like it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2hed
from skimage.transform import resize

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import OUTSIDE, ImageSet

_PARTITIONS = {"train": "train", "testA": "test_a", "testB": "test_b"}
_SIDE = 128
_RGB = 3
_LARGEST = 1 << 22  # pixels; the largest published image has 0.4 million


def read(folder: Path, parts: tuple[str, ...]) -> ImageSet:
    """Read the images of `parts` (`train`, `test_a`, `test_b`); those of test sets with their objects.

    Raises DataError for a missing or corrupt image, mask or row of Grade.csv.
    """
    grades = _grades(folder / "Grade.csv")
    chosen = grades[grades["partition"].isin(parts)]
    prepared = Parallel(n_jobs=-1, prefer="threads")(delayed(_prepare)(folder, name) for name in chosen["name"])
    return ImageSet(
        images=np.stack([stains for stains, _, _ in prepared]),
        targets=np.stack([mask for _, mask, _ in prepared]),
        names=chosen["name"].to_numpy(dtype=str),
        groups=chosen["patient"].to_numpy(dtype=np.int64),
        strata=chosen["grade"].to_numpy(dtype=str),
        partition=chosen["partition"].to_numpy(dtype=str),
        objects=None if "train" in parts else _stacked([annotation for _, _, annotation in prepared]),
    )


def _stacked(annotations: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return instance masks of different sizes as one array, in the upper left corner of each."""
    height, width = (max(sides) for sides in zip(*(each.shape for each in annotations), strict=True))
    stacked = np.full((len(annotations), height, width), OUTSIDE, dtype=np.uint8)
    for index, annotation in enumerate(annotations):
        stacked[index, : annotation.shape[0], : annotation.shape[1]] = annotation
    return stacked


def _grades(path: Path) -> pd.DataFrame:
    """Return name, patient, grade and partition of each image, in the order train_1, train_2, ..."""
    try:
        table = pd.read_csv(path, skipinitialspace=True).iloc[:, :3]
        table.columns = pd.Index(["name", "patient", "grade"])
        part_and_number = table["name"].astype(str).str.strip().str.extract(r"^(train|testA|testB)_(\d+)$")
        table["partition"] = part_and_number[0].map(_PARTITIONS)
        table["number"] = part_and_number[1].astype(int)
        table["patient"] = table["patient"].astype(int)
    except (OSError, ValueError, KeyError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: expected columns name, patient ID, grade: {reason}") from error
    if table.empty or table["name"].duplicated().any() or table["grade"].isna().any():
        raise DataError(f"{path}: expected each image once, with its grade")
    return table.sort_values(["partition", "number"])


def _prepare(folder: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the stains (2, 128, 128) and the gland mask (128, 128) of one image, and its instance mask (h, w)."""
    image, annotation = _image(folder / f"{name}.bmp"), _image(folder / f"{name}_anno.bmp")
    if image.ndim != _RGB or image.shape[2] != _RGB or image.dtype != np.uint8:
        raise DataError(f"{folder / name}.bmp: expected 8-bit RGB, got {image.dtype} of shape {image.shape}")
    if annotation.shape != image.shape[:2]:
        raise DataError(
            f"{folder / name}_anno.bmp: a mask of {annotation.shape} does not fit its image of {image.shape[:2]}"
        )
    if annotation.dtype != np.uint8 or annotation.max() >= OUTSIDE:
        raise DataError(f"{folder / name}_anno.bmp: expected fewer than {OUTSIDE} glands, numbered from 1")
    return stains(image), gland_mask(annotation), annotation


def stains(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unmix an RGB image (h, w, 3) into haematoxylin and eosin (2, 128, 128), raw densities.

    Colour deconvolution after Ruifrok and Johnston (2001), as scikit-image's `rgb2hed`.
    """
    densities = rgb2hed(image)[..., :2]
    small = resize(densities, (_SIDE, _SIDE), order=1, anti_aliasing=True)
    return np.asarray(np.moveaxis(small, -1, 0), dtype=np.float32)


def gland_mask(annotation: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce an instance mask (h, w; 0 background, 1..K glands) to 0 and 1 at 128x128, by nearest neighbour."""
    inside = (annotation > 0).astype(np.uint8)
    side = (_SIDE, _SIDE)
    return np.asarray(resize(inside, side, order=0, anti_aliasing=False, preserve_range=True), dtype=np.uint8)


def _image(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["BMP"]) as image:
            if image.width * image.height > _LARGEST:
                raise DataError(f"{path}: {image.width}x{image.height} pixels, expected at most {_LARGEST}")
            return np.asarray(image)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: restore it, or delete its folder to fetch all files again") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable BMP image: {error}") from error
