"""The files of a dataset of one's own: which belong together, which are for the test, and what is in them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet
from dl4ia.data.pictures import read_mask, read_picture
from dl4ia.tasks.folders.listing import Item
from dl4ia.tasks.folders.parts import Parts
from dl4ia.tasks.folders.pixels import as_image, as_mask

if TYPE_CHECKING:
    from dl4ia.tasks.folders.task import FolderTask

Target = NDArray[np.uint8] | int


def read(task: "FolderTask", folder: Path, part: str) -> ImageSet:
    """Read the `train` or the `test` images of a folder.

    Raises DataError for a file that is missing, left over, unreadable or of the wrong size, and for too few of them.
    """
    if not folder.is_dir():
        raise DataError(f"params.yaml: datasets.{task.name}.folder: there is no folder {folder}")
    parts = Parts.of(task, folder)
    chosen = parts.items(part)
    work = (delayed(_prepared)(item, task) for item in chosen)
    prepared: list[tuple[NDArray[np.uint8] | NDArray[np.float32], Target]] = Parallel(-1, prefer="threads")(work)
    images = ImageSet(
        images=np.array([image for image, _ in prepared]),
        targets=np.array([target for _, target in prepared], dtype=np.uint8),
        names=np.array([item.name for item in chosen]),
        groups=parts.groups(part),
        strata=np.array([item.stratum for item in chosen]),
        partition=np.full(len(chosen), part),
    )
    if task.signature.dense:
        _check_masks(images, folder)
    return images


def _prepared(item: Item, task: "FolderTask") -> tuple[NDArray[np.uint8] | NDArray[np.float32], Target]:
    """Return the image (channels, size, size) of an item, and its mask (size, size) or the number of its class."""
    dataset = task.dataset
    picture = read_picture(item.image)
    image = as_image(picture, dataset.channels, dataset.size)
    if item.mask is None:
        return image, task.classes.index(item.stratum)
    mask = read_mask(item.mask)
    if mask.shape != picture.shape[:2]:
        (height, width), (rows, columns) = mask.shape, picture.shape[:2]
        raise DataError(f"{item.mask}: {width}x{height} pixels, expected the {columns}x{rows} of {item.image}")
    return image, as_mask(mask, dataset.size)


def _check_masks(images: ImageSet, folder: Path) -> None:
    """Raise DataError where all masks of a part are empty, or full: nothing could be learned, or measured."""
    if images.targets.min() == images.targets.max():
        which = (
            "foreground, expected 0 in the background" if images.targets.max() else "background, expected more than 0"
        )
        part = images.partition[0]
        raise DataError(f"{folder}: all pixels of all {len(images)} masks to {part} are {which}")
