"""Pictures of single runs on images of one to three channels: those of `tasks.figures`, shown as they were taken.

The built-in tasks have ink and stains, which those draw dark on light; what is bright in a picture stays bright here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dl4ia.tasks import figures

_STAINS = 2  # channels
_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue in brightness: ITU-R BT.601, as in Pillow
_LONGEST = 10  # letters of the name of a class, above a picture


def segmentations(examples: Mapping[str, NDArray[np.generic]], title: str) -> Figure:
    """Draw the worst and best segmentations over the brightness of pictures; see `tasks.figures.segmentations`."""
    images = examples["images"]
    if images.shape[1] == _STAINS:
        return figures.segmentations(examples, title)
    figure = figures.segmentations({**examples, "images": -_brightness(images)}, title)
    figure.legends[0].get_texts()[-1].set_text("grey: the image")
    return figure


def mistakes(examples: Mapping[str, NDArray[np.generic]], classes: Sequence[str], title: str) -> Figure:
    """Draw misclassified images; see `tasks.figures.mistakes`."""
    images = examples["images"]
    if images.shape[1] != _STAINS:  # colours as one picture of three values a pixel
        images = -_brightness(images) if images.shape[1] == 1 else np.moveaxis(images, 1, -1)[:, None]
    names = [_cut(name) for name in classes]
    return figures.mistakes({**examples, "images": images}, names, title)


def _brightness(images: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return images (n, 1 or 3, h, w) as (n, 1, h, w)."""
    weights = np.array(_WEIGHTS if images.shape[1] == len(_WEIGHTS) else (1.0,))
    return np.asarray(np.einsum("nchw,c->nhw", images.astype(np.float64), weights))[:, None]


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
