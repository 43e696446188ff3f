"""Tables of results in a terminal, in a pipe, or as JSON."""

from collections.abc import Callable

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

Readable = Callable[[pd.DataFrame], pd.DataFrame]
_UNLIMITED = 10_000  # columns of what is no terminal: other programs read lines


def show(table: pd.DataFrame, *, as_json: bool, readable: Readable = lambda table: table) -> None:
    """Print a table: as `readable` puts it for people, or as it is, as a list of JSON objects."""
    print(table.to_json(orient="records", indent=2, double_precision=15) if as_json else _text(readable(table)))  # noqa: T201


def _text(table: pd.DataFrame) -> str:
    console = Console()
    if not console.is_terminal:
        console.width = _UNLIMITED
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name, column in table.items():
        drawn.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(column) else "left")
    for row in table.itertuples(index=False):
        drawn.add_row(*(Text(_cell(value)) for value in row))
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
