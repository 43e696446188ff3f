"""A variant as the page shows it, and its figures beside the reported ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dl4ia.config import Variant

CLOSE = 0.02  # from a reported figure, within which it counts as reproduced
NAMES = {
    "test_accuracy": "test accuracy", "test_loss": "test loss", "train_seconds": "training time [s]",
    "test_a_dice": "test A Dice", "validation_dice": "validation Dice", "train_dice": "training Dice",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A variant as the page shows it: `row` is over all finished runs, `learners` over those that learned."""

    name: str
    variant: Variant
    row: pd.Series
    learners: pd.Series
    fit: str
    curves: Path


def figure(row: pd.Series, metric: str, digits: int = 3) -> str:
    """Return `mean ± sd [low, high]` of a metric, as far as it is known."""
    mean, sd, low, high = (row[f"{metric}_{part}"] for part in ("mean", "sd", "low", "high"))
    if np.isnan(mean):
        return "–"
    if np.isnan(sd):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {sd:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def reported(item: Shown) -> list[dict[str, str]]:
    """Return a line for each figure that the report gives of a variant: it, ours, and what to think of it."""
    lines = []
    for key, value in item.variant.reported.items():
        if key == "train_seconds":
            ours, remark = f"{item.row[key]:.0f}", f"{value / item.row[key]:.0f} times as fast"
        else:
            ours, remark = figure(item.row, key), _remark(item, key, float(item.row[f"{key}_mean"]) - value)
        digits = 0 if key == "train_seconds" else 3
        line = {"variant": item.name, "what": NAMES.get(key, key), "reported": f"{value:.{digits}f}"}
        lines.append(line | {"ours": ours, "remark": remark})
    return lines


def _remark(item: Shown, key: str, difference: float) -> str:
    better = difference < 0 if key.endswith("loss") else difference > 0
    if abs(difference) <= CLOSE:
        return f"reproduced ({difference:+.3f})"
    if better:
        return f"better ({difference:+.3f})"
    dead = int(item.row["seeds"] - item.row["learned"])
    if dead:
        learners = f"those that did reach {figure(item.learners, key)}" if item.row["learned"] else "see below"
        return f"lower ({difference:+.3f}): {dead} of {item.row['seeds']} runs never learned; {learners}"
    prepared = "its preparation of the images is not public, and " if item.variant.task == "warwick" else ""
    return f"not reached ({difference:+.3f}): {prepared}the report gives one run, without its spread"
