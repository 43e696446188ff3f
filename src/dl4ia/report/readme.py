"""Tables of results: all of them, and the overview in README.md: `python -m dl4ia.report.readme`."""

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

_COLUMNS = ("variant", "exercise", "trained", "test", "", "validation", "reported")
_OVERVIEW = ("", "reported", "the same variant here", "the champion here")


def results_table(summary: pd.DataFrame, stand_ins: Collection[str] = ()) -> str:
    """Return the table of results as Markdown, from `results/summary.csv`.

    Tasks of the stand-in have no reported values: these are of other data. Variants of groups that answer a question
    are left out.
    """
    summary = summary[~summary["group"].isin(GROUPS)]
    lines = _header(_COLUMNS)
    for name, rows in summary.groupby("task", sort=False):
        task = task_of(str(name))
        title = f"**{task.title}**: {names.axis(task)}, {names.part(task.test_sets[0])}"
        title += " (the stand-in, not the real data)" if name in stand_ins else ""
        lines.append(_line([title, *[""] * (len(_COLUMNS) - 1)]))
        lines += [_row(row, task, reported=name not in stand_ins) for _, row in rows.iterrows()]
    return "\n".join(lines)


def overview_table(summary: pd.DataFrame, stand_ins: Collection[str] = ()) -> str:
    """Return a line for each test set: the best reported score, the same variant here, and the champion.

    Tasks of which nothing is reported, or of the stand-in, are left out.
    """
    lines = _header(_OVERVIEW)
    for name, rows in summary.groupby("task", sort=False):
        task, known = task_of(str(name)), rows.dropna(subset="reported")
        if len(known) and name not in stand_ins:
            best, champions = known.loc[known["reported"].idxmax()], rows[rows["champion"]]
            for part in task.test_sets:
                is_reported = f"{part}_{task.metric}" == task.headline_metric
                cells = [
                    f"{task.title}: {names.metric(f'{part}_{task.metric}', task.test_sets)}",
                    f"{formats.number(best['reported'])} ({best['variant']})" if is_reported else formats.NONE,
                    _score(best, task, part),
                    *[f"**{_score(row, task, part)}** ({row['variant']})" for _, row in champions.iterrows()],
                ]
                lines.append(_line([*cells, *[formats.NONE] * (len(_OVERVIEW) - len(cells))]))
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


def _score(row: pd.Series, task: Task, part: str) -> str:
    """Return the score of a variant on a test set, with its interval, or with how many runs it is of."""
    mean, sd, low, high = (row[f"{part}_{task.metric}_{each}"] for each in ("mean", "sd", "low", "high"))
    bounds = formats.bounds(row["trained"], low, high)
    rest = f" {bounds}" if bounds.startswith("[") else f", {row['trained']} of {row['seeds']} runs"
    return formats.mean_sd(mean, sd) + rest


def _header(columns: Sequence[str]) -> list[str]:
    return [_line(columns), "|---" * len(columns) + "|"]


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def updated(text: str, table: str) -> str:
    """Return a README with the overview between its markers; without markers it stays as it is."""
    before, begin, rest = text.partition("<!-- overview:begin -->")
    _, end, after = rest.partition("<!-- overview:end -->")
    return f"{before}{begin}\n{table}\n{end}{after}" if end else text


def read_summary(path: Path) -> pd.DataFrame:
    """Read `results/summary.csv`; raises RunError if it is missing."""
    if not path.exists():
        raise RunError(f"{path} is missing: run `dvc repro report`")
    return pd.read_csv(path, dtype={"exercise": str})


def update_readme(layout: Layout) -> None:
    """Bring the table in README.md up to date with `results/`; a working copy without a README has none."""
    readme = layout.root / "README.md"
    if readme.exists():
        text, summary = readme.read_text(encoding="utf-8"), read_summary(layout.results / "summary.csv")
        table = overview_table(summary, stand_ins(committed(layout)))
        if updated(text, table) != text:
            atomic_files.write(readme, updated(text, table).encode())


if __name__ == "__main__":
    update_readme(Layout())
