"""The generated parts of README.md, between markers: `python -m dl4ia.report.readme`."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from dl4ia.analysis.questions import GROUPS
from dl4ia.base import atomic_files
from dl4ia.base.errors import RunError
from dl4ia.report import formats, names
from dl4ia.report.sources import committed, stand_ins
from dl4ia.runs.layout import Layout
from dl4ia.tasks import Task, task_of

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
_COLUMNS = ("variant", "exercise", "trained", "test", "", "validation", "reported")


def results_table(summary: pd.DataFrame, stand_ins: Collection[str] = ()) -> str:
    """Return the table of results as Markdown, from `results/summary.csv`.

    Tasks of the stand-in have no reported values: these are of other data. Variants of groups that answer a question
    are left out.
    """
    summary = summary[~summary["group"].isin(GROUPS)]
    lines = [_line(_COLUMNS), "|---" * len(_COLUMNS) + "|"]
    for name, rows in summary.groupby("task", sort=False):
        task = task_of(str(name))
        title = f"**{task.title}**: {names.axis(task)}, {names.part(task.test_sets[0])}"
        title += " (the stand-in, not the real data)" if name in stand_ins else ""
        lines.append(_line([title, *[""] * (len(_COLUMNS) - 1)]))
        lines += [_row(row, task, reported=name not in stand_ins) for _, row in rows.iterrows()]
    return "\n".join(lines)


def _row(row: pd.Series, task: Task, *, reported: bool) -> str:
    test, validation = task.headline_metric, f"validation_{task.metric}"
    cells = [
        str(row["variant"]),
        str(row["exercise"]),
        f"{row['trained']} of {row['seeds']}",
        formats.mean_sd(row[f"{test}_mean"], row[f"{test}_sd"]),
        formats.bounds(row["trained"], row[f"{test}_low"], row[f"{test}_high"]),
        formats.mean_sd(row[f"{validation}_mean"], row[f"{validation}_sd"]),
        formats.number(row["reported"]) if reported else formats.NONE,
    ]
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def updated(text: str, table: str) -> str:
    """Return a README with `table` between its markers; without markers it stays as it is."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{table}\n{end}{after}" if end else text


def read_summary(path: Path) -> pd.DataFrame:
    """Read `results/summary.csv`; raises RunError if it is missing."""
    if not path.exists():
        raise RunError(f"{path} is missing: run `dvc repro report`")
    return pd.read_csv(path, dtype={"exercise": str})


def update_readme(layout: Layout) -> None:
    """Bring the table in README.md up to date with `results/`; a working copy without a README has no table."""
    readme = layout.root / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        table = results_table(read_summary(layout.results / "summary.csv"), stand_ins(committed(layout)))
        if updated(text, table) != text:
            atomic_files.write(readme, updated(text, table).encode())


if __name__ == "__main__":
    update_readme(Layout())
