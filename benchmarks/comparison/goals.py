"""What was aimed at, and whether the table of one run reaches it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from benchmarks.comparison.contenders import CONTENDERS, FLOOR, OTHERS, OURS, REPORT

CNN, SEGMENTER = "mnist-cnn", "warwick-start"
_TRAINING, _PART, _COMMAND = "training", "part of a training", "command"
_BESIDE = (
    "checkpoints",
    "history and progress",
    "progress and tracking, CPU of the other process",
    "tracking after the end: model and pictures",
)
_START = "MLflow's start, once a command"
_REPORT_AT_LEAST = {CNN: 100.0, SEGMENTER: 12.0}
_GIGABYTES_AT_MOST = {CNN: 1.2, SEGMENTER: 1.0}
_OTHERS_AT_LEAST, _FLOOR_AT_MOST, _BESIDE_AT_MOST, _HELP_AT_MOST = 1.5, 1.03, 0.02, 0.5


@dataclass(frozen=True)
class Goal:
    """What was aimed at, what was measured, and whether that is enough."""

    name: str
    bound: str
    measured: str
    met: bool


def goals(table: pd.DataFrame) -> list[Goal]:
    """Return the goals of which the table has what they need."""
    return [*_report(table), *_others(table), *_floor(table), *_beside(table), *_memory(table), *_start(table)]


def _rows(table: pd.DataFrame, task: str, what: str) -> pd.DataFrame:
    return table[(table["task"] == task) & table["what"].str.startswith(what)].set_index("contender")


def _report(table: pd.DataFrame) -> Iterator[Goal]:
    for task, bound in _REPORT_AT_LEAST.items():
        rows = _rows(table, task, _TRAINING)
        for ratio in rows["ratio_to_ours"].filter([CONTENDERS[REPORT].title]).dropna():
            yield Goal(f"{task}: times as fast as the report's loop", f"≥ {bound:g}", f"{ratio:.3g}", ratio >= bound)


def _others(table: pd.DataFrame) -> Iterator[Goal]:
    titles = [CONTENDERS[name].title for name in OTHERS]
    for task in table["task"].unique():
        rows = _rows(table, task, _TRAINING)
        others = rows[rows.index.isin(titles)]["ratio_to_ours"].dropna()
        if len(others):
            name, ratio = f"{task}: times as fast as the best other ({others.idxmin()})", others.min()
            yield Goal(name, f"≥ {_OTHERS_AT_LEAST:g}", f"{ratio:.3g}", ratio >= _OTHERS_AT_LEAST)


def _floor(table: pd.DataFrame) -> Iterator[Goal]:
    title = CONTENDERS[FLOOR].title
    for task in table["task"].unique():
        rows = _rows(table, task, _TRAINING)
        if {title, CONTENDERS[OURS].title} <= set(rows.index):
            ratio = 1 / rows.loc[title, "ratio_to_ours"]
            met = bool(ratio <= _FLOOR_AT_MOST)
            yield Goal(f"{task}: times the floor", f"≤ {_FLOOR_AT_MOST:g}", f"{ratio:.3f}", met)


def _beside(table: pd.DataFrame) -> Iterator[Goal]:
    for task in table["task"].unique():
        rows = _rows(table, task, _PART)
        if set(_BESIDE) <= set(rows.index):
            share, start = rows.loc[list(_BESIDE), "ratio_to_ours"].sum(), rows.loc[_START, "ratio_to_ours"]
            name = f"{task}: tracking, checkpoints and progress, share of a training"
            for measured, remark in ((share, ""), (share + start, " that is the only one of its command")):
                met = bool(measured <= _BESIDE_AT_MOST)
                yield Goal(name + remark, f"≤ {_BESIDE_AT_MOST:.0%}", f"{measured:.1%}", met)


def _memory(table: pd.DataFrame) -> Iterator[Goal]:
    for task, bound in _GIGABYTES_AT_MOST.items():
        for memory in _rows(table, task, _COMMAND)["memory_gb"].dropna():
            yield Goal(f"{task}: memory of a process, GB", f"≤ {bound:g}", f"{memory:.2f}", memory <= bound)


def _start(table: pd.DataFrame) -> Iterator[Goal]:
    for seconds in _rows(table, "all", "start")["median_seconds"].filter(["dl4ia --help"]):
        yield Goal("dl4ia --help, seconds", f"≤ {_HELP_AT_MOST:g}", f"{seconds:.2f}", seconds <= _HELP_AT_MOST)
