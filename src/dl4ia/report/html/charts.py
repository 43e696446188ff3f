"""Interactive charts as Vega-Lite specifications: plain values, drawn by the script of the page.

Data are text of comma-separated values, a third of the size of JSON. Colours of texts and grids are set by the page,
which knows whether it is light or dark.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dl4ia.analysis.searches import SearchResult
from dl4ia.report import formats, names
from dl4ia.report.collect import TaskReport, VariantReport
from dl4ia.report.plots.curves import Limits
from dl4ia.tasks.figures import BLUE, GRAY, VERMILLION

Spec = dict[str, Any]

PALETTE = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe and Ito, seen on white and black
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])
_DIGITS = "%.4g"
_FIT = {"type": "fit-x", "contains": "padding"}
_FAR = 4  # times as long as most trainings is the longest: from there on a logarithmic axis shows both
_STEP = {"field": "step", "type": "quantitative", "title": "iteration", "axis": {"tickCount": 5, "format": ",d"}}


def data(table: pd.DataFrame) -> Spec:
    """Return a table as the data of a chart."""
    text = table.to_csv(index=False, float_format=_DIGITS, lineterminator="\n")
    numbers = {name: "number" for name in table if pd.api.types.is_numeric_dtype(table[name])}
    return {"values": text, "format": {"type": "csv", "parse": numbers}}


def validation(task: TaskReport, shared: Limits, *, height: int, columns: int) -> Spec:
    """Return the mean validation curve of each variant over the runs that trained; the legend picks variants."""
    metric = task.task.metric
    tables = [table for each in task.variants if len(table := _means(each, "validation", metric))]
    table = pd.concat(tables, ignore_index=True)
    last = table.groupby("variant", sort=False)["mean"].last().sort_values(ascending=False, kind="stable")
    order = [str(name) for name in last.index]
    lengths = table.groupby("variant")["step"].max()
    log = lengths.max() > _FAR * lengths.median()
    scale = {"type": "log", "nice": False} if log else {"nice": False}
    x = {**_STEP, "scale": scale, "title": "iteration (log scale)" if log else "iteration"}
    picked = {"or": [{"param": "pointed"}, {"param": "picked"}]}
    return {
        "data": data(table),
        "width": "container",
        "height": height,
        "params": [
            {"name": "picked", "select": {"type": "point", "fields": ["variant"]}, "bind": "legend"},
            {
                "name": "pointed",
                "select": {"type": "point", "fields": ["variant"], "on": "pointerover", "clear": "pointerout"},
                "bind": {"legend": "pointerover"},
            },
        ],
        "mark": {"type": "line", "clip": True, "tooltip": {"content": "data"}, "interpolate": "linear"},
        "encoding": {
            "x": x,
            "y": _score_axis(f"validation {names.axis(task.task)}", shared.score),
            "color": _by_variant(order, PALETTE, "color", columns),
            "strokeDash": _by_variant(order, _DASHES, "strokeDash", columns),
            "opacity": {"condition": {**_either(picked), "value": 1}, "value": 0.12},
            "strokeWidth": {"condition": {"param": "pointed", "empty": False, "value": 3}, "value": 1.6},
            "tooltip": [
                {"field": "variant"},
                {"field": "step", "title": "iteration", "format": ",d"},
                {"field": "mean", "title": f"validation {names.score(metric)}", "format": ".3f"},
                {"field": "runs", "title": "runs"},
            ],
        },
    }


def _either(test: Mapping[str, Any]) -> Spec:
    return {"test": test}


def _by_variant(order: list[str], values: tuple[Any, ...], channel: str, columns: int) -> Spec:
    """Return an encoding that gives each variant a colour, or a dash pattern once the colours are used up."""
    count = len(PALETTE)
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
    """Return mean, smallest and largest value of the runs that trained: a row a step."""
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
    parts = [table for part in ("train", "validation") if len(table := _means(variant, part, metric))]
    others = _untrained(variant, metric)
    title = names.score(metric)
    means = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["step", "mean", "low", "high"])
    color = {
        "field": "part",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["training", "validation"], "range": [BLUE, VERMILLION]},
        "legend": {"orient": "bottom", "symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 2.5},
    }
    tooltip = [
        {"field": "part"},
        {"field": "step", "title": "iteration", "format": ",d"},
        {"field": "mean", "title": f"mean {title}", "format": ".4f"},
        {"field": "low", "title": "smallest", "format": ".4f"},
        {"field": "high", "title": "largest", "format": ".4f"},
        {"field": "runs", "title": "runs"},
    ]
    layers: list[Spec] = []
    if parts:
        low, high = {"field": "low"}, {"field": "high"}
        y = {**axis, **low}
        layers = [
            {"mark": {"type": "area", "opacity": 0.15, "clip": True}, "encoding": {"y": y, "y2": high, "color": color}},
            {
                "mark": {"type": "line", "clip": True, "strokeWidth": 2},
                "encoding": {"y": axis, "color": color, "tooltip": tooltip},
            },
        ]
        for layer in layers:
            layer["data"] = data(means.drop(columns="variant"))
            layer["encoding"]["x"] = _STEP
    if len(others):
        layers.append(
            {
                "data": data(others),
                "mark": {"type": "line", "clip": True, "color": GRAY, "strokeDash": [4, 2], "strokeWidth": 1},
                "encoding": {
                    "x": _STEP,
                    "y": axis,
                    "detail": [{"field": "seed"}, {"field": "part"}],
                    "tooltip": [{"field": "seed", "title": "did not train: seed"}, {"field": "part"}],
                },
            }
        )
    return {"width": "container", "height": 210, "layer": layers}


def _untrained(variant: VariantReport, metric: str) -> pd.DataFrame:
    curves = variant.result.curves
    runs = curves[~curves["seed"].isin(variant.result.trained)]
    tables = [
        runs[["seed", "step", column]].rename(columns={column: "mean"}).dropna().assign(part=names.part(part))
        for part in ("train", "validation")
        if (column := f"{part}/{metric}") in runs
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def scores(task: TaskReport) -> Spec:
    """Return the test score of every run that trained, the mean of each variant, and what is reported of it."""
    metric, part = task.task.headline_metric, names.part(task.task.test_sets[0])
    rows, means = [], []
    for variant in task.variants:
        rows += [(variant.name, seed, value) for seed, value in variant.result.by_seed(metric).items()]
        summary, reported = variant.result.summary(metric), variant.result.reported.get(metric)
        if summary is not None:
            shown = reported if task.reported else None
            share = formats.share(variant.trained)
            means.append((variant.name, summary.mean, summary.low, summary.high, shown, share))
    runs = pd.DataFrame(rows, columns=["variant", "seed", "score"])
    table = pd.DataFrame(means, columns=["variant", "mean", "low", "high", "reported", "trained"])
    order = table.sort_values("mean", ascending=False, kind="stable")["variant"].tolist()
    y = {"field": "variant", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 190, "grid": True}}
    x = {"type": "quantitative", "title": f"{part} {names.axis(task.task)}", "scale": {"zero": False, "padding": 8},
         "axis": {"tickCount": 6}}  # fmt: skip
    tips = [
        {"field": "variant"},
        {"field": "trained"},
        {"field": "mean", "format": ".4f"},
        {"field": "low", "format": ".3f"},
        {"field": "high", "format": ".3f"},
        {"field": "reported", "format": ".3f"},
    ]
    key = {"scale": {"domain": ["run", "mean and 95 % interval", "reported"], "range": [BLUE, BLUE, VERMILLION]},
           "title": None}  # fmt: skip
    return {
        "width": "container",
        "height": {"step": 19},
        "autosize": _FIT,
        "layer": [
            {
                "data": data(table),
                "mark": {"type": "rule", "strokeWidth": 2, "color": BLUE},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": data(runs),
                "mark": {"type": "point", "filled": True, "size": 34, "opacity": 0.45},
                "encoding": {
                    "y": y,
                    "x": {**x, "field": "score"},
                    "color": {**key, "datum": "run"},
                    "tooltip": [{"field": "variant"}, {"field": "seed"}, {"field": "score", "format": ".4f"}],
                },
            },
            {
                "data": data(table),
                "mark": {"type": "tick", "thickness": 3, "size": 14},
                "encoding": {
                    "y": y,
                    "x": {**x, "field": "mean"},
                    "color": {**key, "datum": "mean and 95 % interval"},
                    "tooltip": tips,
                },
            },
            {
                "data": data(table.dropna(subset="reported")),
                "mark": {"type": "point", "shape": "diamond", "size": 80, "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {**x, "field": "reported"},
                    "color": {**key, "datum": "reported"},
                    "tooltip": tips,
                },
            },
        ],
    }


def history(search: SearchResult) -> Spec:
    """Return the score of each trial of a study in order, and the best so far."""
    ended = pd.concat(
        [table[["trial", "value", *search.study.space]].assign(state=state) for table, state in _ended(search)],
        ignore_index=True,
    ).sort_values("trial", kind="stable")
    words = {key: names.setting(key) for key in search.study.space}
    for key in words:
        ended[key] = [formats.setting(value) for value in ended[key]]
    best = search.complete.sort_values("trial", kind="stable")[["trial", "value"]]
    best = best.assign(best=best["value"].cummax())
    x = {"field": "trial", "type": "quantitative", "title": "trial", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"type": "quantitative", "title": "validation score", "scale": {"zero": False}}
    state = {"domain": ["complete", "pruned, when stopped"], "range": [BLUE, GRAY]}
    return {
        "width": "container",
        "height": 230,
        "layer": [
            {
                "data": data(best),
                "mark": {"type": "line", "interpolate": "step-after", "color": VERMILLION, "strokeWidth": 1.5},
                "encoding": {"x": x, "y": {**y, "field": "best"}},
            },
            {
                "data": data(ended),
                "mark": {"type": "point", "size": 42, "filled": True, "opacity": 0.75},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "value"},
                    "color": {"field": "state", "type": "nominal", "title": None, "scale": state},
                    "tooltip": [
                        {"field": "trial"},
                        {"field": "value", "title": "score", "format": ".4f"},
                        {"field": "state"},
                        *[{"field": _escaped(key), "title": word} for key, word in words.items()],
                    ],
                },
            },
        ],
    }


def _ended(search: SearchResult) -> list[tuple[pd.DataFrame, str]]:
    states = ((search.complete, "complete"), (search.pruned, "pruned, when stopped"))
    return [(table, state) for table, state in states if len(table)]


def _escaped(key: str) -> str:
    """Return the name of a column for Vega-Lite, to which a point is a path into an object."""
    return key.replace(".", "\\.")


def importances(search: SearchResult) -> Spec:
    """Return the share of each parameter in the variance of the score, as bars."""
    shares = {names.setting(key): share for key, share in search.importances.items()}
    rest = {"parameters together": search.interactions or 0.0}
    table = pd.DataFrame([*shares.items(), *rest.items()], columns=["parameter", "share"])
    y = {"field": "parameter", "type": "nominal", "sort": table["parameter"].tolist(), "title": None}
    x = {"field": "share", "type": "quantitative", "title": "share of the variance of the score (fANOVA)",
         "axis": {"format": ".0%", "tickCount": 5}}  # fmt: skip
    label = {
        "mark": {"type": "text", "align": "left", "dx": 4},
        "encoding": {"text": {"field": "share", "format": ".0%"}},
    }
    return {
        "data": data(table),
        "width": "container",
        "height": {"step": 22},
        "autosize": _FIT,
        "encoding": {"y": {**y, "axis": {"labelLimit": 190, "grid": False}}, "x": x},
        "layer": [{"mark": {"type": "bar", "color": BLUE, "cornerRadiusEnd": 2}}, label],
    }
