"""Pictures of a study: how it went, which parameters mattered, and where the good points lie."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from dl4ia.config import Choices, Range, Study
from dl4ia.report.charts import TRAIN, VALIDATION
from dl4ia.report.pictures import save
from dl4ia.runs import StudyDirectory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dl4ia.config.studies import Value

_SCORE = "validation Dice"
_GRAY = "#999999"
_COLUMNS = 4  # of slices
_SHOWN = 0.1  # below the best, from which on values share one colour: a dead net must not use up the scale


def draw_study(study: Study, directory: StudyDirectory) -> None:
    """Draw history, importances, slices, parallel coordinates, and lambda curve or heat map if the space has one."""
    trials, importances = directory.table("trials"), directory.table("importances")
    complete = trials[trials["state"] == "complete"].sort_values("value")
    pictures = {
        "history": history(trials),
        "importances": importance_bars(importances),
        "slices": slices(complete, study),
        "parallel-coordinates": parallel_coordinates(complete, study),
    }
    if {"regularization.kind", "regularization.strength"} <= set(study.space):
        pictures["lambda"] = lambda_curve(complete, study)
    if {"network.width", "network.levels"} <= set(study.space):
        pictures["widths"] = heat_map(complete, study)
    for name, figure in pictures.items():
        save(figure, directory.path / f"{name}.png")


def label(key: str) -> str:
    """Return the name of a parameter for people: its key without the section."""
    *sections, last = key.split(".")
    if last == "kind":
        return sections[-1]
    return {"strength": "λ"}.get(last, last.replace("_", " "))


def history(trials: pd.DataFrame) -> Figure:
    """Draw each trial's value, the best so far, and which were stopped or failed."""
    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    axes = figure.subplots()
    complete = trials[trials["state"] == "complete"]
    axes.plot(complete["trial"], complete["value"], "o", color=TRAIN, markersize=4, label="complete")
    axes.step(complete["trial"], complete["value"].cummax(), color=VALIDATION, where="post", label="best so far")
    bottom = axes.get_ylim()[0]
    for state, marker in (("pruned", "|"), ("failed", "x")):
        mine = trials[trials["state"] == state]
        if len(mine):
            axes.plot(
                mine["trial"], [bottom] * len(mine), marker, color=_GRAY, markersize=8, label=state, clip_on=False
            )
    axes.set_xlabel("trial")
    axes.set_ylabel(_SCORE)
    axes.grid(visible=True, alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def importance_bars(importances: pd.DataFrame) -> Figure:
    """Draw the share of each parameter in the variance of the value."""
    figure = Figure(figsize=(6.5, 1.0 + 0.3 * max(1, len(importances))), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([label(key) for key in importances["parameter"]], importances["importance"], color=TRAIN)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(f"share of the variance of {_SCORE} (fANOVA)")
    return figure


def slices(complete: pd.DataFrame, study: Study) -> Figure:
    """Draw the value of every complete trial over each parameter, later trials darker."""
    columns = min(_COLUMNS, len(study.space))
    rows = -(-len(study.space) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(study.space) :]:
        axes.axis("off")
    early = -complete["trial"].max() / 3 if len(complete) else 0  # so that the first trials are not white
    for (key, dimension), axes in zip(study.space.items(), grid.flat, strict=False):
        places = _places(complete[key], dimension)
        axes.scatter(places, complete["value"], c=complete["trial"], cmap="Blues", vmin=early, s=18)
        axes.set_xticks(*_ticks(dimension))
        axes.margins(x=0.15)
        axes.set_title(label(key), fontsize=10)
        axes.grid(visible=True, alpha=0.3)
    figure.supylabel(_SCORE, fontsize=10)
    return figure


def parallel_coordinates(complete: pd.DataFrame, study: Study) -> Figure:
    """Draw every complete trial as a line through its parameters, the best ones last and brightest."""
    figure = Figure(figsize=(max(6.5, 1.15 * len(study.space)), 4.2), layout="constrained")
    axes = figure.subplots()
    heights = [_scaled(_places(complete[key], dimension), dimension) for key, dimension in study.space.items()]
    best = complete["value"].max()
    shades = ((complete["value"] - best) / _SHOWN + 1).clip(0, 1)
    for line, shade in zip(np.array(heights).T.reshape(len(complete), -1), shades, strict=True):
        axes.plot(line, color=colormaps["viridis_r"](0.95 * shade), linewidth=0.6 + 1.4 * shade, alpha=0.8)
    for place, dimension in enumerate(study.space.values()):
        axes.axvline(place, color="black", linewidth=0.6)
        ticks, names = _ticks(dimension)
        for height, name in zip(_scaled(np.array(ticks, dtype=float), dimension), names, strict=True):
            box = {"color": "white", "alpha": 0.75, "pad": 0.8}
            axes.text(place + 0.04, height, name, fontsize=8, bbox=box, in_layout=False)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlim(-0.1, len(study.space) - 0.6)  # with room for the names right of the last axis
    axes.set_xticks(range(len(study.space)), [label(key) for key in study.space], rotation=30, ha="right")
    axes.set_yticks([])
    axes.spines[["left", "right", "top", "bottom"]].set_visible(False)
    axes.set_title(f"darker: higher {_SCORE} (best {best:.3f}; lightest: {_SHOWN} or more below it)", fontsize=10)
    return figure


def lambda_curve(complete: pd.DataFrame, study: Study) -> Figure:
    """Draw the value over lambda, for the penalty of Equation 2 and for weight decay; points are single trials."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    dimension = study.space["regularization.strength"]
    names = {"l2": "Equation 2", "weight-decay": "weight decay"}
    for (kind, mine), colour in zip(complete.groupby("regularization.kind"), (TRAIN, VALIDATION), strict=False):
        places = pd.Series(_places(mine["regularization.strength"], dimension), index=mine.index)
        axes.plot(places, mine["value"], "o", color=colour, markersize=4, alpha=0.6)
        best = mine["value"].groupby(places).max()
        axes.plot(
            best.index, best, color=colour, label=f"{names[str(kind)]}{'' if len(best) == len(mine) else ', best'}"
        )
    axes.set_xticks(*_ticks(dimension))
    axes.set_xlabel("λ")
    axes.set_ylabel(_SCORE)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    return figure


def heat_map(complete: pd.DataFrame, study: Study) -> Figure:
    """Draw the best value of each number of feature maps and of levels."""
    rows, columns = study.space["network.width"], study.space["network.levels"]
    assert isinstance(rows, Choices)
    assert isinstance(columns, Choices)
    best = complete.pivot_table(index="network.width", columns="network.levels", values="value", aggfunc="max")
    best = best.reindex(index=list(rows.choices), columns=list(columns.choices))
    figure = Figure(figsize=(1.2 * len(columns.choices) + 2.2, 0.55 * len(rows.choices) + 1.2), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(best, cmap="Blues", vmin=np.nanmax(best) - 2 * _SHOWN, aspect="auto")
    middle = np.nanmax(best) - _SHOWN
    for row, column in np.ndindex(best.shape):
        value = best.iloc[row, column]
        colour = "white" if value > middle else "black"
        axes.text(column, row, "–" if math.isnan(value) else f"{value:.3f}", ha="center", va="center", color=colour)
    axes.set_xticks(*_ticks(columns))
    axes.set_yticks(*_ticks(rows))
    axes.set_xlabel("levels (poolings)")
    axes.set_ylabel("first width")
    figure.colorbar(shown, label=_SCORE, extend="min")
    return figure


def _places(values: "Iterable[Value]", dimension: Range | Choices) -> "NDArray[np.float64]":
    """Return where values stand on an axis: choices side by side in their order, numbers by size or its logarithm."""
    if isinstance(dimension, Choices):
        return np.array([dimension.choices.index(value) for value in values], dtype=float)
    numbers = np.array(list(values), dtype=float)
    return np.log10(numbers) if dimension.log else numbers


def _ticks(dimension: Range | Choices) -> tuple[list[float], list[str]]:
    """Return the places of an axis that have a name, and the names."""
    if isinstance(dimension, Choices):
        names = [
            {True: "yes", False: "no"}[name] if isinstance(name, bool) else str(name) for name in dimension.choices
        ]
        return list(range(len(names))), names
    low, high = dimension.low, dimension.high
    between = (
        [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
        if dimension.log
        else []
    )
    ticks = sorted({float(low), *between, float(high)})
    return _places(ticks, dimension).tolist(), [f"{tick:g}" for tick in ticks]


def _scaled(places: "NDArray[np.float64]", dimension: Range | Choices) -> "NDArray[np.float64]":
    """Return places as heights between 0 and 1."""
    if isinstance(dimension, Choices):
        return places / max(1, len(dimension.choices) - 1)
    low, high = _places([dimension.low, dimension.high], dimension)
    scaled: NDArray[np.float64] = (places - low) / (high - low)
    return scaled
