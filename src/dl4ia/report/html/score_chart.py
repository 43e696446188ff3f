"""Every run of every variant of a task on the test set."""

import pandas as pd

from dl4ia.report import names
from dl4ia.report.collect import TaskReport, VariantReport
from dl4ia.report.html.specs import Spec, data, layered, number, text
from dl4ia.tasks.figures import BLUE, VERMILLION

_ROW = 19  # pixels
_BAR = "M0,-1V1"  # a vertical stroke
_KEYS = {  # of the legend: colour and shape
    "run that trained": (BLUE, "circle"),
    "mean; 95 % interval, or range of fewer than five runs": (BLUE, _BAR),
    "reported": (VERMILLION, "diamond"),
}


def scores(task: TaskReport) -> Spec:
    """Return the test score of every run that trained, the mean of each variant, and what is reported of it.

    Beside the name of a variant is how many of its runs trained; one without any has no points.
    """
    runs, means = _runs(task), _means(task)
    order = means.sort_values("mean", ascending=False, kind="stable")["variant"].tolist()
    x = {
        "type": "quantitative",
        "title": f"{names.part(task.task.test_sets[0])} {names.axis(task.task)}",
        "scale": {"zero": False, "padding": 8},
        "axis": {"tickCount": 6},
    }
    y = {"field": "variant", "type": "nominal", "title": None, "axis": {"labelLimit": 230, "grid": True},
         "scale": {"domain": order}}  # fmt: skip
    about_run = [text("variant"), text("seed"), number("score")]
    about_mean = [text("variant"), *[number(name, form=".3f") for name in ("mean", "low", "high", "reported")]]
    run, mean, reported = _KEYS
    layers: list[Spec] = [
        {
            "data": data(means.dropna(subset="mean")),
            "mark": {"type": "rule", "strokeWidth": 2, "color": BLUE},
            "encoding": {"x": {"field": "low"}, "x2": {"field": "high"}},
        },
        _points(runs, "score", run, {"filled": True, "size": 34, "opacity": 0.45}, about_run),
        _points(means.dropna(subset="mean"), "mean", mean, {"size": 190, "strokeWidth": 3}, about_mean),
        _points(means.dropna(subset="reported"), "reported", reported, {"size": 80, "strokeWidth": 2}, about_mean),
    ]
    for layer in layers:
        layer["encoding"] = {**layer["encoding"], "y": y, "x": {**x, **layer["encoding"]["x"]}}
    return layered(layers, _ROW * len(means))


def _points(table: pd.DataFrame, field: str, key: str, mark: Spec, tooltip: list[Spec]) -> Spec:
    """Return points at a column, with an entry of the legend of their own."""
    colours, shapes = zip(*_KEYS.values(), strict=True)
    legend = {"orient": "bottom", "offset": 4, "symbolSize": 90, "symbolOpacity": 1, "labelLimit": 400}
    encoding: Spec = {"x": {"field": field}, "tooltip": tooltip}
    for channel, values in (("color", colours), ("shape", shapes)):
        scale = {"domain": list(_KEYS), "range": list(values)}
        encoding[channel] = {"datum": key, "type": "nominal", "title": None, "scale": scale, "legend": legend}
    return {"data": data(table), "mark": {"type": "point", "opacity": 1, **mark}, "encoding": encoding}


def _label(variant: VariantReport) -> str:
    return f"{variant.name}  {variant.trained.count}/{variant.trained.of}"


def _runs(task: TaskReport) -> pd.DataFrame:
    metric = task.task.headline_metric
    rows = [
        (_label(each), seed, value) for each in task.variants for seed, value in each.result.by_seed(metric).items()
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "score"])


def _means(task: TaskReport) -> pd.DataFrame:
    """Return one row per variant; without a value where there is none."""
    metric, rows = task.task.headline_metric, []
    for variant in task.variants:
        value = variant.result.summary(metric)
        bounds = (None, None, None) if value is None else (value.mean, value.low, value.high)
        rows.append((_label(variant), *bounds, variant.result.reported.get(metric) if task.reported else None))
    table = pd.DataFrame(rows, columns=["variant", "mean", "low", "high", "reported"])
    return table.astype(dict.fromkeys(("mean", "low", "high", "reported"), float))
