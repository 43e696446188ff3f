"""Figures of a study over two of its parameters: both penalties by lambda, and the size of the network."""

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dl4ia.analysis.searches import SearchResult
from dl4ia.config import Choices, Range
from dl4ia.report import formats
from dl4ia.report.plots.dimensions import AT_CHANCE, jittered, places, score_axis, ticks
from dl4ia.tasks.figures import BLUE, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KIND, STRENGTH = "regularization.kind", "regularization.strength"
WIDTH, LEVELS = "network.width", "network.levels"
_PENALTIES = {"l2": "penalty in the loss (Equation 2)", "weight-decay": "decoupled weight decay (AdamW)"}
_BESIDE = 0.05  # of the step between two lambdas: where the networks of a trial stand, for both penalties apart
_MARKS = {True: ".", False: "x"}  # of networks that trained, and of those that did not
_RANGE = 0.15  # of a score below the best one, in which colours differ: a network that did not train needs no shade


@styled
def lambda_points(search: SearchResult) -> Figure:
    """Draw the value over lambda, for both penalties; lines only where each of their lambdas has just one trial.

    Smaller marks are the networks that a value is the mean of, where there are several.
    """
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    kinds, dimension = search.study.space[KIND].corners, search.study.space[STRENGTH]
    drawn: set[bool] = set()  # of networks, whether they trained
    for shift, (kind, trials) in enumerate(search.complete.groupby(KIND)):
        of_kind = trials.sort_values(STRENGTH)
        where = places(of_kind[STRENGTH], dimension)
        once = isinstance(dimension, Choices) and sorted(where.tolist()) == list(range(len(dimension.choices)))
        where = where if once else jittered(where, dimension, of_kind["trial"]) + 0.02 * shift
        label = _PENALTIES.get(str(kind), str(kind))
        line = {True: "-", False: "none"}[once]
        marker, colour = ("o", BLUE) if kind == kinds[0] else ("s", VERMILLION)
        axes.plot(where, of_kind["value"], linestyle=line, marker=marker, color=colour, alpha=0.75, label=label)
        if len(search.networks) > len(search.complete) or not search.all_trained.all():
            place = dict(zip(of_kind["trial"], where + _BESIDE * (2 * shift - 1), strict=True))
            drawn |= _networks(axes, search.networks[search.networks["trial"].isin(of_kind["trial"])], place, colour)
    axes.set_xticks(*ticks(dimension))
    axes.set_xlabel("λ")
    axes.set_ylabel(score_axis(search))
    axes.grid(visible=True)
    figure.suptitle(f"Study {search.name}: complete trials by λ")
    handles, _ = axes.get_legend_handles_labels()
    for trained, label in ((True, "one network of a trial"), (False, "one that stayed at chance level")):
        if trained in drawn:
            handles.append(Line2D([], [], linestyle="none", marker=_MARKS[trained], color="0.4", label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _networks(axes: "Axes", networks: pd.DataFrame, place: Mapping[int, float], colour: str) -> set[bool]:
    """Draw the score of each network of some trials beside their values; return which of trained and not there are."""
    groups = {bool(trained): each for trained, each in networks.groupby("trained")}
    for trained, each in groups.items():
        where = [place[trial] for trial in each["trial"]]
        axes.scatter(where, each["score"], s=30, marker=_MARKS[trained], color=colour, alpha=0.7, linewidths=1)
    return set(groups)


@styled
def widths(search: SearchResult) -> Figure:
    """Draw the best value of each first width and number of levels; ranges are drawn as points, not as cells."""
    rows, columns = search.study.space[WIDTH], search.study.space[LEVELS]
    if isinstance(rows, Choices) and isinstance(columns, Choices):
        return _cells(search, rows, columns)
    return _points(search, rows, columns)


def _cells(search: SearchResult, rows: Choices, columns: Choices) -> Figure:
    groups = {(width, levels): each for (width, levels), each in search.complete.groupby([WIDTH, LEVELS])}
    best = {place: float(trials["value"].max()) for place, trials in groups.items()}
    matrix = np.array([[best.get((row, column), np.nan) for column in columns.choices] for row in rows.choices])
    figure = Figure(figsize=(1.5 * len(columns.choices) + 3.2, 0.62 * len(rows.choices) + 1.9))
    axes = figure.subplots()
    axes.set_facecolor("0.85")  # no trial
    low, top = _shades(search)
    image = axes.imshow(matrix, cmap="Blues", vmin=low, vmax=top, aspect="auto")
    several = any(len(trials) > 1 for trials in groups.values())
    for (row, width), (column, levels) in product(enumerate(rows.choices), enumerate(columns.choices)):
        text, colour = "no trial", "black"
        if (width, levels) in groups:
            trials, value = groups[width, levels], best[width, levels]
            first = trials.sort_values("value").iloc[-1]
            text = f"{value:.3f}" + (f"\n{formats.counted(len(trials), 'trial')}" if several else "")
            if first["trained"] < first["networks"]:
                text += f"\n{first['trained']} of {first['networks']} trained"
            colour = "white" if value - low > 0.6 * (top - low) else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9.5)
    axes.spines[:].set_visible(False)
    _label(axes, rows, columns)
    figure.colorbar(image, label=score_axis(search), extend="min" if min(best.values()) < low else "neither")
    figure.suptitle(f"Study {search.name}: best trial of each size")
    return figure


def _shades(search: SearchResult) -> tuple[float, float]:
    """Return between which values colours differ."""
    top = float(search.complete["value"].max())
    return max(float(search.complete["value"].min()), top - _RANGE), top


def _label(axes: "Axes", rows: Range | Choices, columns: Range | Choices) -> None:
    axes.set_xticks(*ticks(columns))
    axes.set_yticks(*ticks(rows))
    axes.set_xlabel("levels (poolings)")
    axes.set_ylabel("first width (feature maps)")


def _points(search: SearchResult, rows: Range | Choices, columns: Range | Choices) -> Figure:
    figure = Figure(figsize=(7, 4.2))
    axes = figure.subplots()
    low, top = _shades(search)
    for drawn, mark, label in ((search.all_trained, "o", "complete"), (~search.all_trained, "X", AT_CHANCE)):
        trials = search.complete[drawn].sort_values("value")
        if trials.empty:
            continue
        x, y = (
            jittered(places(trials[key], dimension), dimension, trials["trial"])
            for key, dimension in ((LEVELS, columns), (WIDTH, rows))
        )
        values = trials["value"]
        points = axes.scatter(
            x, y, s=60, c=values, cmap="Blues", vmin=low, vmax=top, edgecolors="0.4", marker=mark, label=label
        )
    _label(axes, rows, columns)
    axes.grid(visible=True)
    figure.colorbar(points, label=score_axis(search))
    figure.suptitle(f"Study {search.name}: complete trials by size")
    if not search.all_trained.all():
        figure.legend(loc="outside lower center", ncols=2)
    return figure
