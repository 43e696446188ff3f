"""What the charts of the HTML report have in common: Vega-Lite specifications, as plain values for its script.

Data are text of comma-separated values, a third of the size of JSON. Colours of texts and grids are set by the
script, which knows whether it is light or dark.
"""

from typing import Any

import pandas as pd

Spec = dict[str, Any]

_DIGITS = "%.4g"


def data(table: pd.DataFrame) -> Spec:
    """Return a table as the data of a chart."""
    text = table.to_csv(index=False, float_format=_DIGITS, lineterminator="\n")
    numbers = {name: "number" for name in table if pd.api.types.is_numeric_dtype(table[name])}
    return {"values": text, "format": {"type": "csv", "parse": numbers}}


def layered(layers: list[Spec], height: int) -> Spec:
    """Return a chart of layers, as wide as its place and so many pixels high."""
    return {"width": "container", "height": height, "layer": layers}


def text(field: str, title: str | None = None) -> Spec:
    """Return a line of a tooltip as it is."""
    return {"field": field, "title": title or field}


def number(field: str, title: str | None = None, form: str = ".4f") -> Spec:
    """Return a line of a tooltip with a number."""
    return {"field": field, "type": "quantitative", "title": title or field, "format": form}
