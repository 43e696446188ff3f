"""Which digit a picture shows, by networks that were trained on MNIST.

A picture is brought into the form of that set as LeCun et al. (1998, section III.A) describe it: the ink fits in a box
of 20x20 pixels, its proportions kept, and its centre of mass is the centre of 28x28 pixels.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import center_of_mass, shift
from skimage.filters import threshold_otsu

from dl4ia.base.errors import DataError
from dl4ia.tasks.predictor import Picture, Prediction, Predictor, Probabilities

_SIDE, _BOX = 28, 20
_FAINT = 16  # of 255: less between paper and ink is none


class DigitPredictor(Predictor):
    """Reads a digit, of whatever size, dark on light or light on dark."""

    def predict(self, picture: Picture, probabilities: Probabilities) -> Prediction:
        """Return the digit and its probability, and the picture as the network sees it; raises DataError for none."""
        seen = as_published(np.asarray(Image.fromarray(picture).convert("L")))
        (each,) = probabilities(seen[None, None])
        digit = int(each.argmax())
        return Prediction({"digit": digit, "probability": round(float(each[digit]), 4)}, {"seen": seen})


def as_published(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a grey picture (h, w) as MNIST has them: light ink on black, 28x28; one of that size is only inverted.

    The paper is what the border of a picture shows. Raises DataError for a picture without ink.
    """
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    paper = int(np.median(border))
    ink = np.abs(gray.astype(np.int16) - paper).astype(np.uint8)
    if int(ink.max()) < _FAINT:
        raise DataError("there is no digit: all of it has the same shade")
    if gray.shape == (_SIDE, _SIDE):
        return ink
    rows, columns = np.nonzero(ink > threshold_otsu(ink))
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = _BOX / max(box.shape)
    size = max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale))
    small = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.LANCZOS)).astype(np.float32)
    canvas = np.zeros((_SIDE, _SIDE), dtype=np.float32)
    top, left = (_SIDE - small.shape[0]) // 2, (_SIDE - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small * (255 / small.max())
    offset = [(_SIDE - 1) / 2 - centre for centre in center_of_mass(canvas)]
    return np.asarray(shift(canvas, offset, order=1).clip(0, 255).round().astype(np.uint8))
