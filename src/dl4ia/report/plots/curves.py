"""Curves over iterations: of the runs of one variant, and of all variants of a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dl4ia.report import formats, names
from dl4ia.report.collect import TaskReport, VariantReport
from dl4ia.report.palette import look
from dl4ia.tasks.figures import BLUE, GRAY, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"train": BLUE, "validation": VERMILLION}
_MARKERS = {"train": "", "validation": "o"}  # distinguishable without colours, too
_DASHED, _DOTTED, _SPARSE = (0, (4, 2)), (0, (1, 1)), (0, (1, 3))
_FAR = 4  # times as long as most trainings is the longest: from there on a logarithmic axis shows both
_APART = 0.04  # of a training, between the marks of two test sets
_SETTLED = 0.25  # of a training, from which on its points decide the limits of the axes


@dataclass(frozen=True)
class Limits:
    """The limits of the axes of all curves of a task."""

    score: tuple[float, float]
    loss: tuple[float, float]


def limits(report: TaskReport) -> Limits:
    """Return limits that contain chance level, and the curves of all runs that trained from the first quarter on."""
    scores, losses = [1.0], [float(np.log(len(report.task.classes)))]
    for variant in report.variants:
        runs = _runs(variant, trained=True)
        settled = runs[runs["step"] >= _SETTLED * runs["step"].max()]
        scores += _values(settled, report.task.metric)
        losses += [loss for loss in _values(settled, "loss") if loss > 0]
    low = max(min(scores) - 0.05 * (1 - min(scores)), -0.02)
    return Limits((low, 1 + 0.03 * (1 - low)), (0.8 * min(losses), 1.25 * max(losses)))


def far_apart(lengths: Sequence[int]) -> bool:
    """Return whether a logarithmic axis of iterations is needed to show trainings of such lengths."""
    return max(lengths) > _FAR * median(lengths)


def _values(runs: pd.DataFrame, name: str) -> list[float]:
    columns = [f"{part}/{name}" for part in _COLOURS if f"{part}/{name}" in runs]
    return [float(value) for column in columns for value in runs[column].dropna()]


def _runs(variant: VariantReport, *, trained: bool) -> pd.DataFrame:
    curves = variant.result.curves
    return curves[curves["seed"].isin(variant.result.trained) == trained]


@styled
def curves(variant: VariantReport, report: TaskReport, shared: Limits) -> Figure:
    """Draw score and loss over iterations: single runs, the mean of those that trained, and reported values."""
    figure = Figure(figsize=(10, 4.2))
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, report.task.metric), (right, "loss")):
        for part in _COLOURS:
            _trained(axes, variant, part, name)
        _untrained(axes, variant, name)
        axes.set_xlim(left=0)
        axes.set_xlabel("iteration")
        axes.grid(visible=True)
    _marks(left, variant, report)
    if not variant.trained.count:
        left.text(0.5, 0.5, "no run trained", transform=left.transAxes, ha="center", va="center", color="0.4")
    left.set_ylim(*shared.score)
    left.set_ylabel(names.axis(report.task))
    left.plot([], [], color="black", linestyle=_SPARSE, linewidth=1, label="chance level")
    right.axhline(np.log(len(report.task.classes)), color="black", linestyle=_SPARSE, linewidth=1)
    right.set_yscale("log")
    right.set_ylim(*shared.loss)
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_locator(NullLocator())
    right.set_ylabel("cross-entropy (log scale)")
    figure.suptitle(f"{variant.name}: {formats.share(variant.trained)} runs trained")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _trained(axes: "Axes", variant: VariantReport, part: str, name: str) -> None:
    """Draw the runs that trained thin, and their mean; between the smallest and the largest is a band."""
    runs, column, colour = _runs(variant, trained=True), f"{part}/{name}", _COLOURS[part]
    if column not in runs or runs[column].isna().all():
        return
    table = runs.pivot_table(index="step", columns="seed", values=column)
    count = table.shape[1]
    every = max(1, len(table) // 10)
    marker = _MARKERS[part] if len(table) > 1 else "o"  # of a single point there is no line
    axes.plot(
        table.index, table.mean(axis=1), color=colour, linewidth=2, marker=marker, markevery=every,
        markersize=5, label=f"{names.part(part)}, {f'mean of {count} runs' if count > 1 else 'one run'}",
    )  # fmt: skip
    if count > 1:
        axes.plot(table.index, table, color=colour, linewidth=0.6, alpha=0.6)
        low, high = table.min(axis=1), table.max(axis=1)
        axes.fill_between(
            table.index, low, high, color=colour, alpha=0.12, linewidth=0, label=f"{names.part(part)}, each run"
        )


def _untrained(axes: "Axes", variant: VariantReport, name: str) -> None:
    label = f"did not train ({variant.trained.of - variant.trained.count})"
    for _, run in _runs(variant, trained=False).groupby("seed"):
        for part in _COLOURS:
            if f"{part}/{name}" in run:
                axes.plot(
                    run["step"], run[f"{part}/{name}"], color=GRAY, linestyle=_DASHED, linewidth=1, label=label
                )  # fmt: skip
                label = ""  # one entry of the legend is enough


def _marks(axes: "Axes", variant: VariantReport, report: TaskReport) -> None:
    """Draw the mean test scores at the end of the curves, beside each other, and a line at each reported score."""
    task, last = report.task, variant.result.curves["step"].max()
    for place, (part, marker) in enumerate(zip(task.test_sets, ("*", "P", "X"), strict=False)):
        values = variant.result.values(f"{part}_{task.metric}")
        if values:
            axes.plot(
                [last * (1 + place * _APART)], [float(np.mean(values))], marker=marker, color="black", markersize=9,
                linestyle="none", clip_on=False, zorder=5, label=f"{names.part(part)}, mean",
            )  # fmt: skip
    for part in ("train", "validation", *task.test_sets) if report.reported else ():
        value = variant.result.reported.get(f"{part}_{task.metric}")
        if value is not None:
            label = f"{names.part(part)}, reported: {value:.3f}"
            axes.axhline(value, color=_COLOURS.get(part, "black"), linestyle=_DOTTED, linewidth=1.8, label=label)


@styled
def validation_curves(report: TaskReport, shared: Limits) -> Figure:
    """Draw the mean validation score of the trained runs of each variant that has any."""
    column = f"validation/{report.task.metric}"
    means = {}
    for variant in report.variants:
        runs = _runs(variant, trained=True)
        if column in runs and runs[column].notna().any():
            means[variant.name] = runs.groupby("step")[column].mean()
    figure = Figure(figsize=(10, max(4.2, 1.2 + 0.27 * len(means))))
    axes = figure.subplots()
    for index, name in enumerate(sorted(means, key=lambda name: float(means[name].iloc[-1]), reverse=True)):
        (colour, line), label = look(index), f"{means[name].iloc[-1]:.3f}  {name}"
        marker = "" if len(means[name]) > 1 else "o"
        axes.plot(
            means[name].index, means[name], color=colour, linestyle=line, linewidth=1.8, marker=marker, label=label
        )
    axes.set_ylim(*shared.score)
    axes.set_xlabel("iteration")
    if far_apart([int(mean.index[-1]) for mean in means.values()]):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("iteration (log scale)")
    axes.set_ylabel(f"validation {names.axis(report.task)}")
    axes.grid(visible=True)
    axes.set_title(f"{report.task.title}: mean validation score of the runs that trained", fontsize=13)
    figure.legend(loc="outside right center", title="at the end")
    return figure
