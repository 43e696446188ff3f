"""Charts of a study: how it went, and which parameters mattered."""

import pandas as pd

from dl4ia.analysis.searches import SearchResult
from dl4ia.report import formats, names
from dl4ia.report.html.specs import Spec, data, layered, number, text
from dl4ia.report.plots.dimensions import AT_CHANCE
from dl4ia.tasks.figures import BLUE, GRAY, VERMILLION

_ROW = 22  # pixels
_STATES = {"complete": (BLUE, "circle"), AT_CHANCE: (BLUE, "cross"), "pruned, when stopped": (GRAY, "circle")}


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
    x = {"field": "trial", "type": "quantitative", "title": "trial",
         "axis": {"tickMinStep": 1, "format": "d", "tickCount": 8}}  # fmt: skip
    y = {"type": "quantitative", "title": "validation score", "scale": {"zero": False}}
    states = [state for _, state in _ended(search)]
    colours, shapes = ({"domain": states, "range": [_STATES[state][index] for state in states]} for index in (0, 1))
    state = {"field": "state", "type": "nominal", "title": None, "legend": {"labelLimit": 0}}
    line = {"type": "line", "interpolate": "step-after", "color": VERMILLION, "strokeWidth": 1.5}
    points = {
        "x": x,
        "y": {**y, "field": "value"},
        "color": {**state, "scale": colours},
        "shape": {**state, "scale": shapes},
        "tooltip": [
            text("trial"), number("value", "score"), text("state"),
            *[text(_escaped(key), word) for key, word in words.items()],
        ],
    }  # fmt: skip
    return layered(
        [
            {"data": data(best), "mark": line, "encoding": {"x": x, "y": {**y, "field": "best"}}},
            {
                "data": data(ended),
                "mark": {"type": "point", "size": 42, "filled": True, "opacity": 0.75},
                "encoding": points,
            },
        ],
        230,
    )


def _ended(search: SearchResult) -> list[tuple[pd.DataFrame, str]]:
    tables = (search.complete[search.all_trained], search.complete[~search.all_trained], search.pruned)
    return [(table, state) for table, state in zip(tables, _STATES, strict=True) if len(table)]


def _escaped(key: str) -> str:
    """Return the name of a column for Vega-Lite, to which a point is a path into an object."""
    return key.replace(".", "\\.")


def importances(search: SearchResult) -> Spec:
    """Return the share of each parameter in the variance of the score, as bars."""
    shares = {names.setting(key): share for key, share in search.importances.items()}
    rest = {"interactions": search.interactions or 0.0}
    table = pd.DataFrame([*shares.items(), *rest.items()], columns=["parameter", "share"])
    y = {"field": "parameter", "type": "nominal", "sort": table["parameter"].tolist(), "title": None}
    x = {"field": "share", "type": "quantitative", "title": "share of the variance of the score (fANOVA)",
         "axis": {"format": ".0%", "tickCount": 5}}  # fmt: skip
    label = {
        "mark": {"type": "text", "align": "left", "dx": 4},
        "encoding": {"text": {"field": "share", "format": ".0%"}},
    }
    bar = {"mark": {"type": "bar", "color": BLUE, "cornerRadiusEnd": 2}}
    encoding = {"y": {**y, "axis": {"labelLimit": 190, "grid": False}}, "x": x}
    return {**layered([bar, label], _ROW * len(table)), "data": data(table), "encoding": encoding}
