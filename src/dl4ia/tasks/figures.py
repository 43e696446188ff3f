"""Pictures of single runs, and how every picture of this project is drawn and saved.

A picture is the same, byte for byte, each time it is drawn: no matplotlibrc, backend or environment of the user counts.
Colours are those of Okabe and Ito, which colour-blind readers can tell apart; annotations are outlines, not colours.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

os.environ.pop("MPLBACKEND", None)  # a notebook sets one that need not be installed here, and then the import fails

import matplotlib.style
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from dl4ia.base import atomic_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

BLUE, VERMILLION, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
MISSED, FALSE_POSITIVE = (0.90, 0.40, 0.0), (0.0, 0.36, 0.78)  # saturated: under red and green blindness, too, no grey
_STYLE = {
    "figure.dpi": 120, "savefig.dpi": 120, "figure.constrained_layout.use": True, "font.size": 11,
    "axes.titlesize": 11, "figure.titlesize": 13, "legend.fontsize": 10.5, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "grid.alpha": 0.35,
}  # fmt: skip
_TINT = 0.65  # of a colour over tissue
_COLUMNS = 8  # of mistakes
_FEW = 3  # classes: so few that a cell has room for two lines
_SURE = 0.9995  # confidence from which on rounding would make it 100 %

styled = matplotlib.style.context(
    _STYLE, after_reset=True
)  # around all that draws: ticks are made as late as in `save`


@styled
def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without anything that changes from one time to the next."""
    with atomic_files.replacing(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


@styled
def confusion(counts: pd.DataFrame, classes: Sequence[str], title: str) -> Figure:
    """Draw how often classes are taken for each other, from a table with a row (actual, predicted, count) a pair."""
    cells = counts.astype({"actual": str, "predicted": str}).pivot_table(
        index="actual", columns="predicted", values="count", aggfunc="sum", fill_value=0
    )
    matrix = cells.reindex(index=list(classes), columns=list(classes), fill_value=0).to_numpy()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 3.2 + 0.55 * max(len(classes), _FEW)
    figure = Figure(figsize=(side + 1.0, side))
    axes = figure.subplots()
    axes.spines[:].set_visible(False)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))  # few mistakes beside many hits still show
    size = 10.5 if len(classes) > _FEW else 12
    for row, column in np.ndindex(matrix.shape):
        text = f"{matrix[row, column]:,}" + (f"\n{shares[row, column]:.1%}" if len(classes) <= _FEW else "")
        colour = "white" if shares[row, column] > 0.35 else "black"  # noqa: PLR2004 (the middle of the colours)
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes, rotation=90 if len(classes) <= _FEW else 0, va="center")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("actual class")
    bar = figure.colorbar(image, ticks=[0, 0.01, 0.05, 0.25, 0.5, 1], format=PercentFormatter(1, 0), shrink=0.8)
    bar.set_label("share of the actual class")
    figure.suptitle(title)
    return figure


@styled
def mistakes(examples: Mapping[str, NDArray[np.generic]], classes: Sequence[str], title: str) -> Figure:
    """Draw misclassified images (n, channels, h, w) with name, actual and predicted class, and confidence."""
    count = len(examples["names"])
    rows = max(1, -(-count // _COLUMNS))
    figure = Figure(figsize=(1.45 * _COLUMNS, 0.6 + 2.35 * rows))
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for index, axes in enumerate(grid.flat):
        _blank(axes)
        if index < count:
            axes.imshow(examples["images"][index, 0], cmap="gray_r")
            actual, predicted = (classes[int(examples[key][index])] for key in ("targets", "predictions"))
            axes.set_title(f"actual {actual}\npredicted {predicted}\n{_confidence(float(examples['score'][index]))}")
            axes.set_xlabel(str(examples["names"][index]), fontsize=9)
    figure.suptitle(f"{title}: {'most confident mistakes' if count else 'no mistake'}")
    return figure


@styled
def segmentations(examples: Mapping[str, NDArray[np.generic]], title: str) -> Figure:
    """Draw the worst (above) and best (below) segmentations: errors in colour, annotations as outlines, over tissue.

    `images` are (n, channels, h, w), `targets` and `predictions` (n, h, w); the first half are the worst.
    """
    half = len(examples["names"]) // 2
    figure = Figure(figsize=(max(2.75 * half, 6.5), 6.6))
    for index, axes in enumerate(figure.subplots(2, half, squeeze=False).flat):
        _blank(axes)
        image, annotated, predicted = (examples[key][index] for key in ("images", "targets", "predictions"))
        axes.imshow(overlay(image[0], annotated, predicted), interpolation="nearest")
        _outline(axes, annotated)
        axes.set_title(f"{examples['names'][index]}, Dice {float(examples['score'][index]):.2f}")
        if index % half == 0:
            axes.set_ylabel("best" if index else "worst", fontsize=13, fontweight="bold")
    height, width = examples["images"].shape[2:]
    figure.suptitle(f"{title}: worst and best segmentations ({width}×{height} pixels, as the network sees them)")
    _legend(figure)
    return figure


@styled
def edges(examples: Mapping[str, NDArray[np.generic]], width: int, title: str) -> Figure:
    """Draw the errors within `width` pixels of annotated edges, in colour over tissue, the edges as outlines.

    `near` (n, h, w) says which pixels are; the other arrays are as for `segmentations`.
    """
    count = len(examples["names"])
    figure = Figure(figsize=(max(2.75 * count, 6.5), 3.7))
    for index, axes in enumerate(figure.subplots(1, count, squeeze=False).flat):
        _blank(axes)
        image, annotated, predicted, near = (
            examples[key][index] for key in ("images", "targets", "predictions", "near")
        )
        axes.imshow(overlay(image[0], annotated, np.where(near, predicted, annotated)), interpolation="nearest")
        _outline(axes, annotated)
        axes.set_title(f"{examples['names'][index]}, Dice {float(examples['score'][index]):.2f}")
    figure.suptitle(f"{title}: errors within {width} pixels of annotated edges, and Dice there")
    _legend(figure)
    return figure


def overlay(
    channel: NDArray[np.generic], annotated: NDArray[np.generic], predicted: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Return a channel (h, w) as `displayed`, in RGB (h, w, 3), coloured where annotation and prediction differ."""
    return marked(displayed(channel), annotated, predicted)


def displayed(channel: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return a channel (h, w) as inverted grey values in [0, 1], without the extreme percent at both ends."""
    return _stretched(-channel.astype(np.float64))


def marked(
    gray: NDArray[np.float64], annotated: NDArray[np.generic], predicted: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Return grey values (h, w) as RGB (h, w, 3), coloured where annotation and prediction differ."""
    picture = np.repeat(gray[..., None], 3, axis=2)
    actual, claimed = annotated.astype(bool), predicted.astype(bool)
    for where, colour in ((actual & ~claimed, MISSED), (~actual & claimed, FALSE_POSITIVE)):
        picture[where] = tinted(picture[where], colour)
    return picture


def tinted(gray: NDArray[np.float64], colour: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return grey values (..., 3) under a colour that lets tissue show through."""
    return (1 - _TINT) * gray + _TINT * np.array(colour)


def _outline(axes: "Axes", mask: NDArray[np.generic]) -> None:
    """Draw the border of a mask (h, w), black with a white edge so that it is seen on any ground."""
    if mask.astype(bool).any() and not mask.astype(bool).all():  # or there is no border
        for colour, width in (("white", 2.6), ("black", 1.2)):
            axes.contour(mask.astype(np.float64), [0.5], colors=colour, linewidths=width)


def _legend(figure: Figure) -> None:
    tissue = np.full(3, 0.8)
    handles: list[Line2D | Patch] = [Line2D([], [], color="black", label="annotated outline")]
    for colour, label in ((MISSED, "missed"), (FALSE_POSITIVE, "predicted, not annotated")):
        shade: ColorType = tuple(tinted(tissue, colour).tolist())
        handles.append(Patch(color=shade, label=label))
    handles.append(Patch(color="0.8", label="grey: first channel, inverted"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def _blank(axes: "Axes") -> None:
    """Remove all of the frame; unlike `axis("off")`, labels stay."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _confidence(value: float) -> str:
    return "> 99.9 %" if value > _SURE else f"{value:.1%}".replace("%", " %")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring values to [0, 1], cutting off the extreme percent at both ends."""
    low, high = np.percentile(values, (1, 99))
    return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0, 1))
