"""MNIST (LeCun, Cortes, Burges): 60 000 + 10 000 handwritten digits of 28x28."""

import gzip
from pathlib import Path

import numpy as np

from dl4ia.data.imageset import ImageSet

MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_PREFIX = {"train": "train", "test": "t10k"}
_IMAGE_HEADER, _LABEL_HEADER = 16, 8  # bytes before the pixels and labels of an IDX file


def read(folder: Path, part: str) -> ImageSet:
    """Read the published files of `part` (`train` or `test`), which were checked against MD5 when they arrived."""
    images = _idx(folder / f"{_PREFIX[part]}-images-idx3-ubyte.gz", _IMAGE_HEADER).reshape(-1, 1, 28, 28)
    return digits(images, _idx(folder / f"{_PREFIX[part]}-labels-idx1-ubyte.gz", _LABEL_HEADER), part)


def digits(images: np.ndarray, labels: np.ndarray, part: str) -> ImageSet:
    """Return labelled digits as a set; who wrote which is not published, so each is a group of its own."""
    return ImageSet(
        images=images,
        targets=labels,
        names=np.array([f"{part}_{index}" for index in range(len(images))]),
        groups=np.arange(len(images)),
        strata=labels.astype(str),
        partition=np.full(len(images), part),
    )


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)
