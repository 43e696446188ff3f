"""Curves of a few variants over each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from dl4ia.analysis.tables import Result
from dl4ia.report import names
from dl4ia.report.palette import look
from dl4ia.tasks.figures import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = ("train", "validation")


@styled
def overlay(results: Sequence[Result]) -> Figure:
    """Draw the score of variants of one task over iterations, on training and on validation images.

    A line is the mean of the runs that trained, a band reaches from the lowest of them to the highest. The axis begins
    at the lowest score after the first quarter of a training.
    """
    task = results[0].task
    figure = Figure(figsize=(10, 4.4))
    panels = figure.subplots(1, 2, sharey=True)
    lowest = [_draw(axes, part, results) for axes, part in zip(panels, _PARTS, strict=True)]
    low = min(lowest) - 0.05 * (1 - min(lowest))
    panels[0].set_ylim(low, 1 + 0.03 * (1 - low))
    panels[0].set_ylabel(names.axis(task))
    lines = {str(line.get_label()): line for axes in panels for line in axes.lines}
    figure.legend(lines.values(), lines, loc="outside lower center", ncols=min(3, len(lines)))
    figure.suptitle(f"{task.title}: mean and range over the runs that trained")
    return figure


def _draw(axes: "Axes", part: str, results: Sequence[Result]) -> float:
    """Draw the curves on images of a part; return the lowest score after the first quarter, or 1."""
    lowest = 1.0
    for index, result in enumerate(results):
        table = _scores(result, part)
        if len(table):
            colour, line = look(index)
            label = f"{result.name} (n = {table.shape[1]})"
            axes.plot(table.index, table.mean(axis=1), line, color=colour, linewidth=1.8, label=label)
            axes.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.15, linewidth=0)
            lowest = min(lowest, float(table[table.index >= table.index.max() / 4].min().min()))
    axes.set_title(f"{names.part(part)} images")
    axes.set_xlabel("iteration")
    axes.grid(visible=True)
    if not axes.lines:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no images held out", transform=axes.transAxes, ha="center", va="center", color="0.4")
    return lowest


def _scores(result: Result, part: str) -> pd.DataFrame:
    """Return the curves of the runs that trained: one row per point, one column per seed."""
    column, curves = f"{part}/{result.task.metric}", result.curves
    if column not in curves:
        return pd.DataFrame()
    runs = curves[curves["seed"].isin(result.trained)]
    return runs.pivot_table(index="step", columns="seed", values=column)
