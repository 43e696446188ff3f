"""Tables of results in a terminal, in a pipe, or as JSON."""

from collections.abc import Callable
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

Readable = Callable[[pd.DataFrame], pd.DataFrame]
_UNLIMITED = 10_000  # columns of what is no terminal: other programs read lines
_LONG = 18  # characters, from which on a text may be folded
_NARROW = 12  # columns that a folded text has at least
_GAP = 2  # between two columns


def show(table: pd.DataFrame, *, as_json: bool, readable: Readable = lambda table: table) -> None:
    """Print a table: as `readable` puts it for people, or as it is, as a list of JSON objects."""
    print(table.to_json(orient="records", indent=2, double_precision=15) if as_json else _text(readable(table)))  # noqa: T201


def _text(table: pd.DataFrame) -> str:
    console = Console()
    if not console.is_terminal:
        console.width = _UNLIMITED
    widths = _widths(table, console.width)
    console.width = max(console.width, sum(widths) + _GAP * (len(widths) - 1))  # a long line is better than a cut one
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for (name, column), width in zip(table.items(), widths, strict=True):
        side: Literal["right", "left"] = "right" if pd.api.types.is_numeric_dtype(column) else "left"
        drawn.add_column(str(name), justify=side, width=width, overflow="fold")
    for row in table.itertuples(index=False):
        drawn.add_row(*(Text(_cell(value)) for value in row))
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _widths(table: pd.DataFrame, room: int) -> list[int]:
    """Return the widths of the columns: names and numbers are whole, texts share the rest of the room."""
    widths = [max(map(len, [str(name), *map(_cell, column)])) for name, column in table.items()]
    texts = [index for index, width in enumerate(widths)
             if width > _LONG and table.iloc[:, index].astype(str).str.contains(" ").any()]  # fmt: skip
    rest = room - _GAP * (len(widths) - 1) - sum(widths) + sum(widths[index] for index in texts)
    for done, index in enumerate(sorted(texts, key=widths.__getitem__)):
        widths[index] = min(widths[index], max(_NARROW, rest // (len(texts) - done)))
        rest -= widths[index]
    return widths


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
