"""Pictures of one run: its confusion matrix, its mistakes, its segmentations.

Colours are such that colour-blind readers can tell them apart (Okabe and Ito).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dl4ia import files

HIT, MISSED, FALSE_ALARM = (0.0, 0.62, 0.45), (0.84, 0.37, 0.0), (0.34, 0.71, 0.91)
_DPI = 110
_MISTAKE_COLUMNS = 8


def save(figure: Figure, path: Path) -> None:
    """Write a picture that is the same, byte for byte, each time it is drawn."""
    with files.replacing(path) as file:
        figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})


def draw_run(folder: Path) -> None:
    """Draw what an evaluation left in `folder`: the confusion matrices and the examples."""
    for table in sorted(folder.glob("confusion-*.csv")):
        save(confusion(pd.read_csv(table, index_col="true")), table.with_suffix(".png"))
    with np.load(folder / "examples.npz", allow_pickle=False) as examples:
        draw = mistakes if examples["targets"].ndim == 1 else overlays
        save(draw(dict(examples)), folder / "examples.png")


def confusion(counts: pd.DataFrame) -> Figure:
    """Draw a confusion matrix with counts: rows are true classes, columns are guesses."""
    matrix = counts.to_numpy()
    side = 2.6 + 0.42 * len(matrix)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)  # the root shows the few mistakes beside the many hits
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004 (half)
        axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=colour, fontsize=8)
    ticks = range(len(matrix))
    axes.set_xticks(ticks, [str(name) for name in counts.columns])
    axes.set_yticks(ticks, [str(name) for name in counts.index], rotation=90 if len(matrix) == 2 else 0, va="center")  # noqa: PLR2004
    axes.set_xlabel("guess")
    axes.set_ylabel("true class")
    return figure


def mistakes(examples: dict[str, np.ndarray]) -> Figure:
    """Draw misclassified digits with label, guess and confidence (Figure 11)."""
    count = len(examples["names"])
    rows = max(1, -(-count // _MISTAKE_COLUMNS))
    figure = Figure(figsize=(1.35 * _MISTAKE_COLUMNS, 1.75 * rows), layout="constrained")
    for index, axes in enumerate(figure.subplots(rows, _MISTAKE_COLUMNS, squeeze=False).flat):
        axes.axis("off")
        if index < count:
            axes.imshow(examples["images"][index, 0], cmap="gray_r")
            label, guess, score = (examples[key][index] for key in ("targets", "guesses", "score"))
            axes.set_title(f"{label} taken for {guess}\n{score:.1%} sure", fontsize=8)
    return figure


def overlays(examples: dict[str, np.ndarray]) -> Figure:
    """Draw the worst (above) and best (below) segmentations: hits, misses and false alarms over the haematoxylin."""
    half = len(examples["names"]) // 2
    figure = Figure(figsize=(2.5 * half, 5.9), layout="constrained")
    for index, axes in enumerate(figure.subplots(2, half, squeeze=False).flat):
        axes.axis("off")
        axes.imshow(overlay(*(examples[key][index] for key in ("images", "targets", "guesses"))))
        axes.set_title(f"{examples['names'][index]}: Dice {examples['score'][index]:.2f}", fontsize=9)
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    names = {"gland found": HIT, "gland missed": MISSED, "false alarm": FALSE_ALARM}
    handles = [Patch(color=colour, label=name) for name, colour in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def overlay(stains: np.ndarray, mask: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the haematoxylin of `stains` (2, h, w) as RGB (h, w, 3), tinted where mask or guess has gland."""
    picture = np.repeat(_stretched(-stains[0])[..., None], 3, axis=2)
    mask, guess = mask.astype(bool), guess.astype(bool)
    for where, colour in ((mask & guess, HIT), (mask & ~guess, MISSED), (~mask & guess, FALSE_ALARM)):
        picture[where] = 0.55 * picture[where] + 0.45 * np.array(colour)
    return picture


def segmentation(examples: dict[str, np.ndarray], index: int) -> Figure:
    """Draw one segmentation like Figure 14: the guess, the truth and the two stains."""
    figure = Figure(figsize=(5.4, 5.8), layout="constrained")
    haematoxylin, eosin = examples["images"][index]
    panels = {
        f"guess (Dice {examples['score'][index]:.2f})": examples["guesses"][index],
        "truth": examples["targets"][index],
        "haematoxylin": _stretched(-haematoxylin),
        "eosin": _stretched(-eosin),
    }
    for axes, (title, panel) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        axes.axis("off")
        axes.imshow(panel, cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=10)
    figure.suptitle(str(examples["names"][index]), fontsize=11)
    return figure


def _stretched(values: np.ndarray) -> np.ndarray:
    """Bring values to [0, 1], cutting off the extreme percent at both ends."""
    low, high = np.percentile(values, (1, 99))
    return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0, 1))
