"""Examples of segmentations as layers of pixels: tissue, annotation and prediction, to look at one after the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dl4ia.base import atomic_files
from dl4ia.tasks.figures import displayed

_LAYERS = 3
_LISTED = "examples"  # in the metadata of a file: the name and Dice coefficient of each image
_WHITE = 255


@dataclass(frozen=True)
class Layers:
    """Images with their names, Dice coefficients and layers (n, h, w): grey tissue (uint8), and masks (bool).

    The first half are the worst segmentations, the second half the best.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]
    tissue: NDArray[np.uint8]
    annotated: NDArray[np.bool_]
    predicted: NDArray[np.bool_]

    @classmethod
    def of(cls, examples: Mapping[str, NDArray[np.generic]]) -> "Layers":
        """Return the layers of examples as `figures.segmentations` draws them."""
        gray = np.stack([displayed(image[0]) for image in examples["images"]])
        return cls(
            tuple(examples["names"].astype(str).tolist()),
            tuple(examples["score"].astype(float).tolist()),
            np.rint(gray * _WHITE).astype(np.uint8),
            examples["targets"].astype(bool),
            examples["predictions"].astype(bool),
        )

    def save(self, path: Path) -> None:
        """Write a grey PNG file: one column per image, one row per layer; names and Dice are in its metadata."""
        masks = (mask.astype(np.uint8) * np.uint8(_WHITE) for mask in (self.annotated, self.predicted))
        layers = (self.tissue, *masks)
        sheet = np.concatenate([np.concatenate(list(layer), axis=1) for layer in layers])
        listed = PngInfo()
        listed.add_text(_LISTED, json.dumps(list(zip(self.names, self.scores, strict=True))))
        with atomic_files.replacing(path) as file:
            Image.fromarray(sheet).save(file, format="PNG", pnginfo=listed, optimize=True)

    @classmethod
    def load(cls, path: Path) -> "Layers":
        """Read what `save` wrote."""
        with Image.open(path) as image:
            listed, sheet = json.loads(image.info[_LISTED]), np.asarray(image)
        names, scores = zip(*listed, strict=True)
        rows = [np.stack(np.split(row, len(names), axis=1)) for row in np.split(sheet, _LAYERS)]
        return cls(names, scores, rows[0], rows[1] > 0, rows[2] > 0)
