"""Charts of many runs: curves over iterations, and variants side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAIN, VALIDATION = "#0072B2", "#D55E00"


def curves(histories: Sequence[pd.DataFrame], metric: str) -> Figure:
    """Draw the metric and the loss over iterations: mean, band of one standard deviation, and each seed thin."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), (metric, "loss"), strict=True):
        for part, colour in (("train", TRAIN), ("validation", VALIDATION)):
            if f"{part}/{name}" in histories[0]:
                _band(axes, [history.set_index("step")[f"{part}/{name}"] for history in histories], part, colour)
        axes.set_xlabel("iteration")
        axes.set_ylabel(name)
        axes.grid(visible=True, alpha=0.3)
    bottom, top = figure.axes[0].get_ylim()
    figure.axes[0].set_ylim(max(bottom, -0.02), min(top, 1.02))  # bands of few seeds reach beyond what there is
    figure.axes[0].legend(loc="lower right", frameon=False)
    return figure


def _band(axes: "Axes", seeds: Sequence[pd.Series], label: str, colour: str) -> None:
    table = pd.concat(seeds, axis=1)
    mean, sd = table.mean(axis=1), table.std(axis=1, ddof=1).fillna(0)
    axes.plot(table.index, table, color=colour, linewidth=0.4, alpha=0.6)
    axes.plot(mean.index, mean, color=colour, label=label, linewidth=1.5)
    axes.fill_between(mean.index, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)


def comparison(summary: pd.DataFrame, runs: pd.DataFrame, metric: str, label: str) -> Figure:
    """Draw each variant's mean with its 95 % interval, every run, and the reported figure."""
    figure = Figure(figsize=(8.5, 1.1 + 0.36 * len(summary)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(summary))
    mean, low, high = (summary[f"{metric}_{part}"] for part in ("mean", "low", "high"))
    errors = np.nan_to_num(np.stack([mean - low, high - mean]))
    axes.errorbar(
        mean, places, xerr=errors, fmt="o", color=TRAIN, capsize=3, label="reproduced, mean and 95 % interval"
    )
    seeds = runs[runs["variant"].isin(summary["variant"])]
    rows = seeds["variant"].map(dict(zip(summary["variant"], places, strict=True)))
    axes.plot(seeds[metric], rows, "|", color="gray", markersize=9, label="each seed")
    axes.plot(summary["reported"], places, "D", color=VALIDATION, fillstyle="none", label="reported")
    limits = axes.get_xlim()
    axes.set_xlim(max(limits[0], -0.02), min(limits[1], 1.02))  # intervals of few seeds reach beyond what there is
    axes.set_yticks(places, summary["variant"].tolist())
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.grid(visible=True, axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
