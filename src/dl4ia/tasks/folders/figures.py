"""Pictures of single runs on images of one to three channels: those of `tasks.figures`, shown as they were taken.

The built-in tasks have ink and stains, which those draw dark on light; what is bright in a picture stays bright here.
Names are those that people give to files and classes, and may be long.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dl4ia.tasks import figures

_STAINS = 2  # channels
_BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as in Pillow
_WIDTH = 10.5  # inches, of which titles and legends need most
_SMALL = 9  # points
_CLASS, _FILE = 11, 20  # letters above and below a picture
_LEVEL = 6  # letters of names that fit side by side below a matrix


def segmentations(examples: Mapping[str, NDArray[np.generic]], title: str) -> Figure:
    """Draw the worst and best segmentations over the brightness of pictures; see `tasks.figures.segmentations`."""
    figure = figures.segmentations(as_taken(examples), title)
    if not _stained(examples):
        figure.legends[0].get_texts()[-1].set_text("grey: the image")
    figure.set_figwidth(max(figure.get_figwidth(), _WIDTH))
    return figure


def as_taken(examples: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Return examples with images that are drawn as bright as they were taken, and short names."""
    images = examples["images"]
    drawn = images if _stained(examples) else -_brightness(images)
    return {**examples, "images": drawn, "names": _short_names(examples)}


def mistakes(examples: Mapping[str, NDArray[np.generic]], classes: Sequence[str], title: str) -> Figure:
    """Draw misclassified images in their colours; see `tasks.figures.mistakes`."""
    images = examples["images"]
    if images.shape[1] != _STAINS:  # colours as one picture of three values a pixel
        images = -_brightness(images) if images.shape[1] == 1 else np.moveaxis(images, 1, -1)[:, None]
    drawn = {**examples, "images": images, "names": _short_names(examples)}
    figure = figures.mistakes(drawn, [_cut(name, _CLASS) for name in classes], title)
    for axes in figure.axes:
        axes.title.set_fontsize(_SMALL)
    return figure


def confusion(actual: NDArray[np.uint8], predicted: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Draw how often classes (n,) are taken for each other; see `tasks.figures.confusion`."""
    pairs = pd.DataFrame({"actual": np.take(classes, actual), "predicted": np.take(classes, predicted), "count": 1})
    figure = figures.confusion(pairs, classes, title)
    if max(map(len, classes)) > _LEVEL:
        figure.axes[0].set_xticks(range(len(classes)), classes, rotation=30, ha="right", rotation_mode="anchor")
        figure.axes[0].set_yticks(range(len(classes)), classes, rotation=0)
    return figure


def _stained(examples: Mapping[str, NDArray[np.generic]]) -> bool:
    return bool(examples["images"].shape[1] == _STAINS)


def _brightness(images: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return images (n, 1 or 3, h, w) as (n, 1, h, w)."""
    weights = np.array(_BRIGHTNESS if images.shape[1] == len(_BRIGHTNESS) else (1.0,))
    return np.asarray(np.einsum("nchw,c->nhw", images.astype(np.float64), weights))[:, None]


def _short_names(examples: Mapping[str, NDArray[np.generic]]) -> NDArray[np.str_]:
    """Return the names of files without their folders."""
    return np.array([_cut(str(name).rpartition("/")[2], _FILE) for name in examples["names"]])


def _cut(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
