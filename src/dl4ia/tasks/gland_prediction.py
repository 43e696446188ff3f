"""Glands in pictures of stained tissue of any size and scale, by networks that were trained on Warwick-QU.

These take 128x128 pixels, of the whole of a published image, 775x522 pixels at the most. So a picture that shows as
much tissue, or less, is brought to 128x128 as a whole, and one that shows more is covered by windows of 775x522 pixels
of the published resolution, which overlap by a quarter at least. Where they do, probabilities are averaged, weighted
by the distance to the border of the window, where a network knows the least.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.segmentation import find_boundaries

from dl4ia.base.errors import DataError
from dl4ia.tasks.gland_objects import objects_of
from dl4ia.tasks.predictor import Picture, Prediction, Predictor, Probabilities
from dl4ia.tasks.warwick_files import stains

MICRONS_PER_PIXEL = 0.62005  # of the published images, 20x (Sirinukunwattana et al., 2017, section 2)
_SIDE = 128  # of what networks take, and of a window
_OVERLAP = 32  # of windows, of these, at least
_LARGEST, _SMALLEST = (522, 775), (430, 567)  # published image, height and width
_LARGEST_AREA = 1 << 24  # pixels at the published resolution, 6.4 square millimetres: memory and minutes
_LARGEST_PADDED = 1 << 26  # pixels of a picture with what is added: 200 MB
_AT_ONCE = 16  # windows
_WHOLE = 1e6  # pixels that a waist would have to be narrower by: glands that touch are one, as the champion was chosen
_EDGE = (0, 158, 115)  # green of Okabe and Ito: seen on pink and violet, by colour-blind readers too


@dataclass(frozen=True)
class _Axis:
    """How windows cover one side of a picture of `size` pixels, of which a window has `window`.

    `cells` is the number of pixels of the network along the whole side, padding included.
    """

    size: int
    window: float
    cells: int
    starts: tuple[int, ...]  # of windows, in cells

    @classmethod
    def of(cls, size: int, scale: float, largest: int, smallest: int) -> "_Axis":
        """Return how a side is covered: `scale` is the published pixels of one of its pixels."""
        published = size * scale
        if published <= largest:
            return cls(size, max(published, smallest) / scale, _SIDE, (0,))
        cells = round(published / largest * _SIDE)
        count = 1 + -(-(cells - _SIDE) // (_SIDE - _OVERLAP))
        starts = np.linspace(0, cells - _SIDE, count).round().astype(int)
        return cls(size, size / cells * _SIDE, cells, tuple(starts.tolist()))

    @property
    def padded(self) -> int:
        """Pixels of the side with what is added to reach the size of a window."""
        return max(self.size, round(self.window))

    @property
    def inside(self) -> int:
        """Cells that show the picture, not what was added to it."""
        return max(1, round(self.cells * self.size / self.padded))

    def pixels(self, start: int) -> slice:
        """Return the pixels of the window that begins at a cell."""
        edges = (round(cell * self.window / _SIDE) for cell in (start, start + _SIDE))
        return slice(*(min(edge, self.padded) for edge in edges))


@dataclass(frozen=True)
class GlandPredictor(Predictor):
    """Finds glands in pictures with `microns_per_pixel`."""

    microns_per_pixel: float

    def predict(self, picture: Picture, probabilities: Probabilities) -> Prediction:
        """Return mask, probability (0 to 255) and outlines of glands, their number and their share of the area.

        Glands are counted at the published resolution: holes are filled, and what is smaller than 154 square microns
        is no gland. Raises DataError for a picture that shows too much tissue, or much too little.
        """
        height, width = picture.shape[:2]
        scale = self.microns_per_pixel / MICRONS_PER_PIXEL
        published = max(1, round(height * scale)), max(1, round(width * scale))
        if published[0] * published[1] > _LARGEST_AREA:
            most = int(_LARGEST_AREA**0.5 / scale)
            raise DataError(
                f"{width}x{height} pixels of {self.microns_per_pixel:g} microns are too much tissue at once: cut it "
                f"into parts of {most}x{most} pixels"
            )
        axes = [_Axis.of(*sides) for sides in zip((height, width), (scale, scale), _LARGEST, _SMALLEST, strict=True)]
        if axes[0].padded * axes[1].padded > max(height * width, _LARGEST_PADDED):
            raise DataError(
                f"{width}x{height} pixels of {self.microns_per_pixel:g} microns are too little tissue to see a gland: "
                f"expected the microns per pixel of the picture"
            )
        glands = _probability(picture, axes[0], axes[1], probabilities)
        enlarged = np.asarray(Image.fromarray(glands).resize((width, height), Image.Resampling.BILINEAR))
        mask = enlarged > 1 / 2
        count = int(np.count_nonzero(np.unique(objects_of(glands, *published, _WHOLE))))
        return Prediction(
            row={"glands": count, "area_share": round(float(mask.mean()), 4)},
            pictures={
                "mask": mask.astype(np.uint8) * 255,
                "probability": (enlarged * 255).round().astype(np.uint8),
                "overlay": outlined(picture, mask),
            },
        )


def _probability(picture: Picture, rows: _Axis, columns: _Axis, probabilities: Probabilities) -> NDArray[np.float32]:
    """Return the probability of gland in each cell of a picture."""
    added = (0, rows.padded - rows.size), (0, columns.padded - columns.size), (0, 0)
    padded = np.pad(picture, added, mode="symmetric") if any(map(any, added)) else picture
    near = np.minimum(np.arange(_SIDE), np.arange(_SIDE)[::-1]) + 1
    weight = np.minimum.outer(near, near).astype(np.float32)
    total, weights = (np.zeros((rows.cells, columns.cells), dtype=np.float32) for _ in range(2))
    all_corners = list(product(rows.starts, columns.starts))
    for first in range(0, len(all_corners), _AT_ONCE):
        corners = all_corners[first : first + _AT_ONCE]
        windows = [padded[rows.pixels(top), columns.pixels(left)] for top, left in corners]
        predicted = probabilities(np.stack([stains(window) for window in windows]))[:, 1]
        for (top, left), one in zip(corners, predicted, strict=True):
            place = slice(top, top + _SIDE), slice(left, left + _SIDE)
            total[place] += weight * one
            weights[place] += weight
    return np.ascontiguousarray((total / weights)[: rows.inside, : columns.inside])


def outlined(picture: Picture, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the picture with the border of the mask drawn on it, as wide as can be seen in pictures of its size."""
    outlined = picture.copy()
    edge = find_boundaries(mask, mode="inner")
    for _ in range(1 + max(picture.shape) // 1000):
        edge = binary_dilation(edge)
    outlined[edge] = _EDGE
    return outlined
