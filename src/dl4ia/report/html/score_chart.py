"""Every run of every variant of a task on the test set."""

import pandas as pd

from dl4ia.report import formats, names
from dl4ia.report.collect import TaskReport
from dl4ia.report.html.specs import Spec, data, layered, number, text
from dl4ia.tasks.figures import BLUE, VERMILLION

_ROW = 19  # pixels
_KEYS = {"run": BLUE, "mean and 95 % interval": BLUE, "reported": VERMILLION}


def scores(task: TaskReport) -> Spec:
    """Return the test score of every run that trained, the mean of each variant, and what is reported of it."""
    runs, means = _runs(task), _means(task)
    order = means.sort_values("mean", ascending=False, kind="stable")["variant"].tolist()
    y = {"field": "variant", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 190, "grid": True}}
    x = {
        "type": "quantitative",
        "title": f"{names.part(task.task.test_sets[0])} {names.axis(task.task)}",
        "scale": {"zero": False, "padding": 8},
        "axis": {"tickCount": 6},
    }
    about_mean = [
        text("variant"), text("trained"), number("mean"), number("low", form=".3f"), number("high", form=".3f"),
        number("reported", form=".3f"),
    ]  # fmt: skip
    about_run = [text("variant"), text("seed"), number("score")]
    reported = means.dropna(subset="reported")
    rule = {"type": "rule", "strokeWidth": 2, "color": BLUE}
    run = {"type": "point", "filled": True, "size": 34, "opacity": 0.45}
    tick = {"type": "tick", "thickness": 3, "size": 14, "orient": "vertical"}
    diamond = {"type": "point", "shape": "diamond", "size": 80, "strokeWidth": 2}
    layers: list[Spec] = [
        {"data": data(means), "mark": rule, "encoding": {"x": {"field": "low"}, "x2": {"field": "high"}}},
        {"data": data(runs), "mark": run, "encoding": _points("score", "run", about_run)},
        {"data": data(means), "mark": tick, "encoding": _points("mean", "mean and 95 % interval", about_mean)},
        {"data": data(reported), "mark": diamond, "encoding": _points("reported", "reported", about_mean)},
    ]
    for layer in layers:
        layer["encoding"] = {**layer["encoding"], "y": y, "x": {**x, **layer["encoding"]["x"]}}
    return layered(layers, _ROW * max(1, len(means)))


def _points(field: str, key: str, tooltip: list[Spec]) -> Spec:
    """Return the encoding of points at a column, with an entry of the legend of their own."""
    color = {
        "datum": key,
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(_KEYS), "range": list(_KEYS.values())},
        "legend": {"orient": "bottom", "symbolType": "circle", "offset": 4},
    }
    return {"x": {"field": field}, "color": color, "tooltip": tooltip}


def _runs(task: TaskReport) -> pd.DataFrame:
    metric = task.task.headline_metric
    rows = [
        (variant.name, seed, value)
        for variant in task.variants
        for seed, value in variant.result.by_seed(metric).items()
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "score"])


def _means(task: TaskReport) -> pd.DataFrame:
    metric = task.task.headline_metric
    rows = [
        (each.name, value.mean, value.low, value.high, reported if task.reported else None, formats.share(each.trained))
        for each in task.variants
        if (value := each.result.summary(metric)) is not None
        for reported in [each.result.reported.get(metric)]
    ]
    table = pd.DataFrame(rows, columns=["variant", "mean", "low", "high", "reported", "trained"])
    return table.astype({"reported": float})
