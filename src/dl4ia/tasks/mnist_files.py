"""The published IDX files of MNIST, and the stand-in for them, as image sets."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl4ia.data.imageset import ImageSet

_PREFIX = {"train": "train", "test": "t10k"}
_IMAGE_HEADER, _LABEL_HEADER = 16, 8  # bytes before the pixels and labels of an IDX file


def read(folder: Path, part: str) -> ImageSet:
    """Read the IDX files of `train` or `test`."""
    images = _idx(folder / f"{_PREFIX[part]}-images-idx3-ubyte.gz", _IMAGE_HEADER).reshape(-1, 1, 28, 28)
    return digit_set(images, _idx(folder / f"{_PREFIX[part]}-labels-idx1-ubyte.gz", _LABEL_HEADER), part)


def digit_set(images: NDArray[np.uint8], labels: NDArray[np.uint8], part: str) -> ImageSet:
    """Return labelled digits (n, 1, 28, 28) as a set; who wrote which is not published: each is a group of its own."""
    return ImageSet(
        images=images,
        targets=labels,
        names=np.array([f"{part}_{index}" for index in range(len(images))]),
        groups=np.arange(len(images)),
        strata=labels.astype(str),
        partition=np.full(len(images), part),
    )


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)
