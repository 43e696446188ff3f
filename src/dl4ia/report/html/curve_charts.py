"""Curves over iterations: of all variants of a task, and of the runs of one variant."""

from typing import Any

import numpy as np
import pandas as pd

from dl4ia.report import names
from dl4ia.report.collect import TaskReport, VariantReport
from dl4ia.report.html.specs import Spec, data, layered, number, text
from dl4ia.report.palette import CATEGORIES
from dl4ia.report.plots.curves import Limits, far_apart
from dl4ia.tasks.figures import BLUE, GRAY, VERMILLION

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])
_STEP = {"field": "step", "type": "quantitative", "title": "iteration", "axis": {"tickCount": 5, "format": ",d"}}
_CHOSEN = {
    "or": [
        {"param": "pointed", "empty": False},
        {"param": "picked", "empty": False},
        "!length(data('pointed_store')) && !length(data('picked_store'))",  # then all of them
    ]
}
_PARTS = {
    "field": "part",
    "type": "nominal",
    "title": None,
    "scale": {"domain": ["training", "validation"], "range": [BLUE, VERMILLION]},
    "legend": {"orient": "bottom", "symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 2.5, "offset": 4},
}


def validation(task: TaskReport, shared: Limits, *, height: int, columns: int) -> Spec:
    """Return the mean validation curve of each variant over the runs that trained; the legend picks variants."""
    metric = task.task.metric
    tables = [table for each in task.variants if len(table := _means(each, "validation", metric))]
    table = pd.concat(tables, ignore_index=True)
    last = table.groupby("variant", sort=False)["mean"].last().sort_values(ascending=False, kind="stable")
    order = [str(name) for name in last.index]
    lengths = table.groupby("variant")["step"].max()
    x = _log_steps(lengths) if far_apart(lengths.tolist()) else _STEP
    about = [text("variant"), number("step", "iteration", ",d"),
             number("mean", f"validation {names.score(metric)}", ".3f"), text("runs")]  # fmt: skip
    layers: list[Spec] = [{"params": _picked_in_the_legend(), "mark": {"type": "line", "clip": True}}]
    single = table[table.groupby("variant")["step"].transform("size") == 1]
    if len(single):  # of a single point there is no line
        layers.append({"data": data(single), "mark": {"type": "point", "filled": True, "size": 60}})
    return {
        **layered(layers, height),
        "data": data(table),
        "encoding": {
            "x": x,
            "y": _score_axis(f"validation {names.axis(task.task)}", shared.score),
            "color": _by_variant(order, CATEGORIES, "color", columns),
            "strokeDash": _by_variant(order, _DASHES, "strokeDash", columns),
            "opacity": {"condition": {"test": _CHOSEN, "value": 1}, "value": 0.12},
            "strokeWidth": {"condition": {"param": "pointed", "empty": False, "value": 3}, "value": 1.6},
            "tooltip": about,
        },
    }


def _picked_in_the_legend() -> list[Spec]:
    """Return the variants that were clicked, and the one that is pointed at, in the legend or at its curve."""
    by_variant = {"type": "point", "fields": ["variant"]}
    pointed = {**by_variant, "on": "pointerover", "clear": "pointerout"}
    return [
        {"name": "picked", "select": by_variant, "bind": "legend"},
        {"name": "pointed", "select": pointed, "bind": {"legend": "pointerover"}},
    ]


def _log_steps(lengths: pd.Series) -> Spec:
    values = [value * 10**power for power in range(7) for value in (1, 5) if value * 10**power <= lengths.max()]
    axis = {"values": values, "format": ",d"}
    return {**_STEP, "title": "iteration (log scale)", "scale": {"type": "log", "nice": False}, "axis": axis}


def _by_variant(order: list[str], values: tuple[Any, ...], channel: str, columns: int) -> Spec:
    """Return an encoding that gives each variant a colour, or a dash pattern once the colours are used up."""
    count = len(CATEGORIES)
    chosen = [values[(place if channel == "color" else place // count) % len(values)] for place in range(len(order))]
    legend = {"orient": "bottom", "columns": columns, "title": None, "labelLimit": 210, "symbolType": "stroke",
              "symbolStrokeWidth": 2.5, "symbolSize": 220, "rowPadding": 1, "offset": 4}  # fmt: skip
    return {"field": "variant", "type": "nominal", "scale": {"domain": order, "range": chosen}, "legend": legend}


def _score_axis(title: str, domain: tuple[float, float]) -> Spec:
    return {
        "field": "mean",
        "type": "quantitative",
        "title": title,
        "scale": {"domain": [round(each, 4) for each in domain], "nice": False, "zero": False},
        "axis": {"tickCount": 5},
    }


def _means(variant: VariantReport, part: str, metric: str) -> pd.DataFrame:
    """Return mean, smallest and largest value of the runs that trained: one row per step."""
    column, curves = f"{part}/{metric}", variant.result.curves
    if column not in curves:
        return pd.DataFrame()
    runs = curves[curves["seed"].isin(variant.result.trained)].dropna(subset=column)
    table = runs.groupby("step")[column].agg(mean="mean", low="min", high="max", runs="count").reset_index()
    return table.assign(variant=variant.name, part=names.part(part))


def scores_over_time(variant: VariantReport, task: TaskReport, shared: Limits) -> Spec:
    """Return the score of one variant over iterations: mean and range of trained runs, each other run a line."""
    return _panel(variant, task.task.metric, _score_axis(names.axis(task.task), shared.score))


def losses(variant: VariantReport, task: TaskReport, shared: Limits) -> Spec:
    """Return the loss of one variant over iterations, with a line at chance level."""
    ticks = [value * 10.0**power for power in range(-6, 4) for value in (1, 2, 5)]
    low, high = shared.loss
    axis = {
        **_score_axis("cross-entropy (log scale)", shared.loss),
        "axis": {"values": [float(f"{each:g}") for each in ticks if low <= each <= high], "format": "~g"},
        "scale": {"type": "log", "domain": [float(f"{low:.3g}"), float(f"{high:.3g}")], "nice": False},
    }
    chance = {
        "data": {"values": [{"mean": round(float(np.log(len(task.task.classes))), 4)}]},
        "mark": {"type": "rule", "strokeDash": [2, 3], "color": GRAY, "tooltip": "chance level"},
        "encoding": {"y": axis},
    }
    spec = _panel(variant, "loss", axis)
    return {**spec, "layer": [*spec["layer"], chance]}


def _panel(variant: VariantReport, metric: str, axis: Spec) -> Spec:
    layers = []
    means = [table for part in ("train", "validation") if len(table := _means(variant, part, metric))]
    if means:
        layers.append(_trained_runs(pd.concat(means, ignore_index=True), names.score(metric), axis))
    others = _untrained(variant, metric)
    if len(others):
        about = [text("seed", "did not train: seed"), text("part")]
        each_run = [{"field": "seed"}, {"field": "part"}]
        layers.append(
            {
                "data": data(others),
                "mark": {"type": "line", "clip": True, "color": GRAY, "strokeDash": [4, 2], "strokeWidth": 1},
                "encoding": {"x": _STEP, "y": axis, "detail": each_run, "tooltip": about},
            }
        )
    return layered(layers, 210)


def _trained_runs(means: pd.DataFrame, score: str, axis: Spec) -> Spec:
    about = [text("part"), number("step", "iteration", ",d"), number("mean", f"mean {score}"),
             number("low", "smallest"), number("high", "largest"), text("runs")]  # fmt: skip
    band = {"y": {**axis, "field": "low"}, "y2": {"field": "high"}}
    line = {"type": "line", "clip": True, "strokeWidth": 2, "point": len(set(means["step"])) == 1}
    return {
        "data": data(means.drop(columns="variant")),
        "encoding": {"x": _STEP, "color": _PARTS},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.15, "clip": True}, "encoding": band},
            {"mark": line, "encoding": {"y": axis, "tooltip": about}},
        ],
    }


def _untrained(variant: VariantReport, metric: str) -> pd.DataFrame:
    curves = variant.result.curves
    runs = curves[~curves["seed"].isin(variant.result.trained)]
    tables = [
        runs[["seed", "step", column]].rename(columns={column: "mean"}).dropna().assign(part=names.part(part))
        for part in ("train", "validation")
        if (column := f"{part}/{metric}") in runs
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
