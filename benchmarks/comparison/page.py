"""The generated parts of docs/performance.md, between markers."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmarks.comparison.goals import Goal
from benchmarks.comparison.profiles import Shares
from dl4ia.base import atomic_files

PAGE = Path("docs/performance.md")
_FIGURE = "![Milliseconds per iteration, here and by other means](benchmark.png)"
_FOUR_DIGITS = 1000  # from here on three would need an exponent
_COLUMNS = {
    "what": "", "contender": "", "median_seconds": "seconds", "range": "smallest to largest",
    "ratio_to_ours": "ratio to ours", "accuracy": "validation score", "memory_gb": "memory, GB", "repeats": "n",
}  # fmt: skip


def write(table: pd.DataFrame, goals: list[Goal], shares: Mapping[str, Shares]) -> None:
    """Replace the tables of the page; `shares` are those of the operations of each variant that was profiled."""
    text = PAGE.read_text(encoding="utf-8")
    text = _replaced(text, "goals", f"{_FIGURE}\n\n{goals_table(goals)}")
    text = _replaced(text, "profile", profile_tables(shares))
    text = _replaced(text, "benchmark", benchmark_tables(table))
    atomic_files.write(PAGE, text.encode())


def profile_tables(shares: Mapping[str, Shares]) -> str:
    """Return one line per operation, for each variant."""
    lines = ["| variant | operation | share of an iteration |", "|---|---|---|"]
    lines += [f"| {name} | {key} | {share:.1%} |" for name, each in shares.items() for key, share in each.items()]
    return "\n".join(lines)


def goals_table(goals: list[Goal]) -> str:
    """Return one line per goal."""
    lines = [f"| {goal.name} | {goal.bound} | {goal.measured} | {'yes' if goal.met else '**no**'} |" for goal in goals]
    return "\n".join(["| goal | | measured | met |", "|---|---|---|---|", *lines])


def benchmark_tables(table: pd.DataFrame) -> str:
    """Return a table a task, and the machine."""
    (machine,) = table["machine"].unique()
    blocks = [f"Measured on: {machine}."]
    for task, rows in table.groupby("task", sort=False):
        readable = rows.assign(range=[_range(row) for _, row in rows.iterrows()])[list(_COLUMNS)]
        readable = readable.dropna(axis="columns", how="all").rename(columns=_COLUMNS)
        blocks.append(f"### {task}\n\n{readable.map(_cell).to_markdown(index=False, disable_numparse=True)}")
    return "\n\n".join(blocks)


def _range(row: pd.Series) -> str:
    return "" if row["repeats"] == 1 else f"{_cell(row['low'])} to {_cell(row['high'])}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}" if value < _FOUR_DIGITS else f"{value:.0f}"
    return str(value)


def _replaced(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"
