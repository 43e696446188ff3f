"""All variants of a task side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from dl4ia.report import names
from dl4ia.report.collect import TaskReport, VariantReport
from dl4ia.tasks.figures import BLUE, GRAY, GREEN, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SETS = ((BLUE, "o"), (GREEN, "s"))  # colour and marker of the first test set and of the second


@styled
def comparison(report: TaskReport) -> Figure:
    """Draw the test score of every run, the mean of those that trained, and the reported value, best variant first.

    Runs that did not train are counted beside the scores, for theirs mean nothing.
    """
    variants = sorted(report.variants, key=_mean_score, reverse=True)
    untrained = [variant.trained.of - variant.trained.count for variant in variants]
    figure = Figure(figsize=(10, 1.9 + 0.4 * len(variants)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[0.02 + 0.03 * max(untrained), 1])
    _scores(right, variants, report)
    _untrained(left, untrained)
    for place, variant in enumerate(variants):
        right.text(1.01, place, _count(variant), transform=right.get_yaxis_transform(), va="center")
    right.text(1.01, -0.95, "trained", transform=right.get_yaxis_transform(), va="center", fontweight="bold")
    left.set_yticks(range(len(variants)), [variant.name for variant in variants])
    left.tick_params(axis="y", length=0)
    left.set_ylim(len(variants) - 0.4, -0.6)
    right.set_xlabel(names.axis(report.task))
    right.grid(visible=True)
    right.tick_params(axis="y", length=0)
    right.spines["left"].set_visible(False)
    figure.suptitle(f"{report.task.title}: all variants on the test set")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _scores(axes: "Axes", variants: Sequence[VariantReport], report: TaskReport) -> None:
    task = report.task
    shift = 0.14 if len(task.test_sets) > 1 else 0.0
    for part, (colour, marker), offset in zip(task.test_sets, _SETS, (-shift, shift), strict=False):
        runs, means = [], []
        for place, variant in enumerate(variants):
            values = variant.result.values(f"{part}_{task.metric}")
            runs += [(value, place + offset) for value in values]
            means += [(float(np.mean(values)), place + offset)] if values else []
        label = names.part(part)
        axes.plot(*_columns(runs), marker, color=colour, markersize=5, alpha=0.55, markeredgewidth=0, label=label)
        label = f"{label}, mean of trained runs"
        axes.plot(*_columns(means), "|", color=colour, markersize=13, markeredgewidth=2.4, label=label)
    reported = [
        (variant.result.reported[task.headline_metric], place - shift)
        for place, variant in enumerate(variants)
        if task.headline_metric in variant.result.reported
    ]
    if report.reported and reported:
        axes.plot(
            *_columns(reported), "D", color=VERMILLION, fillstyle="none", markersize=7, markeredgewidth=1.6,
            label=f"{names.part(task.test_sets[0])}, reported",
        )  # fmt: skip


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _untrained(axes: "Axes", counts: Sequence[int]) -> None:
    """Draw a cross a run that did not train."""
    crosses = [(index, place) for place, count in enumerate(counts) for index in range(count)]
    axes.plot(*_columns(crosses), "x", color=GRAY, markersize=7, markeredgewidth=1.8)
    axes.set_xticks([])
    axes.set_xlim(-0.7, max(*counts, 1) - 0.3)
    axes.spines[["bottom", "left"]].set_visible(any(counts))
    if any(counts):
        axes.set_xlabel("did not\ntrain")
        axes.grid(visible=True, axis="y")


def _count(variant: VariantReport) -> str:
    """Return `3/5`, and how many runs diverged."""
    diverged = sum(run.state == "diverged" for run in variant.result.record.runs)
    return f"{variant.trained.count}/{variant.trained.of}" + (f", {diverged} diverged" if diverged else "")


def _mean_score(variant: VariantReport) -> float:
    values = variant.result.values(variant.result.task.headline_metric)
    return float(np.mean(values)) if values else -1.0
