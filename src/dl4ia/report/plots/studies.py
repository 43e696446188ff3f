"""Figures of a study: how it went, and which parameters mattered."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dl4ia.analysis.searches import SearchResult
from dl4ia.report import names
from dl4ia.report.plots.dimensions import AT_CHANCE, jittered, places, score_axis, ticks
from dl4ia.report.plots.study_maps import KIND, LEVELS, STRENGTH, WIDTH, lambda_points, widths
from dl4ia.tasks.figures import BLUE, GRAY, VERMILLION, styled

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

_COLUMNS = 4  # of slices
_BELOW = 1.0  # ranges of the complete trials, from which on below them a value would only flatten the others


def study_figures(search: SearchResult) -> "dict[str, Callable[[SearchResult], Figure]]":
    """Return what draws the figures of the outcome of a study, by name, none of them twice.

    Two parameters are shown by one figure. Where there are more: the values in order, unless all points of a grid were
    tried, the importances, and the value over each parameter. The few best points of another study are in its table.
    """
    if search.study.sampler.kind == "best-of":
        return {}
    space = set(search.study.space)
    figures: dict[str, Callable[[SearchResult], Figure]] = {}
    if {KIND, STRENGTH} <= space:
        figures["lambda"] = lambda_points
    if {WIDTH, LEVELS} <= space:
        figures["widths"] = widths
    if len(space) > 2 or not figures:  # noqa: PLR2004 (then no figure above has all of it)
        if search.study.sampler.kind != "grid":
            figures["history"] = history
        if search.importances:
            figures["importances"] = importance_bars
        figures["slices"] = slices
    return figures


def _complete(axes: "Axes", search: SearchResult, where: "np.ndarray") -> None:
    """Draw the complete trials at their values; a cross has a network that stayed at chance level."""
    all_trained = search.all_trained.to_numpy()
    for drawn, marker, label in ((all_trained, "o", "complete"), (~all_trained, "x", AT_CHANCE)):
        if drawn.any():
            values = search.complete["value"][drawn]
            axes.scatter(where[drawn], values, s=26, marker=marker, color=BLUE, alpha=0.75, label=label)


def _pruned(axes: "Axes", search: SearchResult, where: "np.ndarray") -> None:
    """Draw the pruned trials, at their value when they were; those far below all complete ones at the edge."""
    values, complete = search.pruned["value"].to_numpy(), search.complete["value"]
    edge = complete.min() - _BELOW * np.ptp(complete)
    low = (values < edge) & (np.ptp(complete) > 0)
    for drawn, marker, label in ((~low, "o", "pruned, when stopped"), (low, "v", "pruned, lower")):
        if drawn.any():
            axes.scatter(
                where[drawn], np.where(low, edge, values)[drawn], s=26, marker=marker, facecolors="none",
                edgecolors=GRAY, alpha=0.75, label=label,
            )  # fmt: skip


@styled
def history(search: SearchResult) -> Figure:
    """Draw each trial's value in order, and the best so far."""
    figure = Figure(figsize=(9, 3.9))
    axes = figure.subplots()
    ordered = search.complete.sort_values("trial")
    _complete(axes, search, search.complete["trial"].to_numpy())
    if len(search.pruned):
        _pruned(axes, search, search.pruned["trial"].to_numpy())
    axes.step(ordered["trial"], ordered["value"].cummax(), color=VERMILLION, where="post", label="best so far")
    if len(search.failed):
        bottom = axes.get_ylim()[0]
        axes.plot(
            search.failed, [bottom] * len(search.failed), "x", color=GRAY, markersize=8, clip_on=False, label="failed"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(score_axis(search))
    axes.grid(visible=True)
    figure.suptitle(f"Study {search.name}: trials in order")
    figure.legend(loc="outside lower center", ncols=5, columnspacing=1.2)
    return figure


@styled
def importance_bars(search: SearchResult) -> Figure:
    """Draw the share of each parameter in the variance of the value, and what they do not explain alone."""
    bars = {names.setting(key): share for key, share in search.importances.items()}
    figure = Figure(figsize=(8, 1.6 + 0.32 * (len(bars) + 1)))
    axes = figure.subplots()
    drawn = axes.barh(list(bars), list(bars.values()), color=BLUE)
    axes.bar_label(drawn, fmt="{:.0%}", padding=3)
    rest = axes.barh(["interactions"], [search.interactions or 0.0], color=GRAY)
    axes.bar_label(rest, fmt="{:.0%}", padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel(f"share of the variance of {score_axis(search)}: main effects (fANOVA)")
    figure.suptitle(f"Study {search.name}: parameter importance, from {len(search.complete)} trials")
    return figure


@styled
def slices(search: SearchResult) -> Figure:
    """Draw the value of every trial over each parameter; points at the same choice are moved apart."""
    space = search.study.space
    columns = min(_COLUMNS, len(space))
    rows = -(-len(space) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.5 * rows + 0.8))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(space) :]:
        axes.axis("off")
    for (key, dimension), axes in zip(space.items(), grid.flat, strict=False):
        for trials, draw in ((search.complete, _complete), (search.pruned, _pruned)):
            if len(trials):
                draw(axes, search, jittered(places(trials[key], dimension), dimension, trials["trial"]))
        axes.set_xticks(*ticks(dimension))
        axes.margins(x=0.15)
        axes.set_title(names.setting(key))
        axes.grid(visible=True, axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel(score_axis(search), fontsize=9)
    figure.suptitle(f"Study {search.name}: each trial over each parameter")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
