"""The outcome of a study: its trials, how far ahead the best one is, and what mattered."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dl4ia.base.errors import RunError
from dl4ia.config import Choices, Range, Study
from dl4ia.config.studies import Value
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.tasks import task_of

NEAR = 0.01  # of a score, below the best, within which a trial is as good for all one knows
_TOP = 5


@dataclass(frozen=True)
class SearchResult:
    """A study as its tables in results/ have it.

    `pruned` are the trials stopped early, with the mean validation score over the folds so far in `value`. `failed` are
    the numbers of those with an error of their own, without the `interrupted` ones, each of which was repeated.
    `importances` are shares of the variance of the score, as main effects (fANOVA); `interactions` is what these leave.
    """

    name: str
    study: Study
    trials: pd.DataFrame
    complete: pd.DataFrame
    pruned: pd.DataFrame
    failed: pd.Series
    interrupted: int
    top: pd.DataFrame
    lead: float | None
    near: int
    importances: dict[str, float]
    interactions: float | None


def search_result(name: str, study: Study, directory: StudyDirectory) -> SearchResult | None:
    """Read the tables of a study; None if none of its trials has ended yet. Raises RunError."""
    if not (directory.results / "trials.csv").exists():
        return None
    trials = _fitted(directory.table("trials"), name, study, directory)
    complete = trials[trials["state"] == "complete"].sort_values("value", ascending=False, kind="stable")
    if complete.empty:
        return None
    values = complete["value"].to_numpy()
    failed = trials[trials["state"] == "failed"]
    interrupted = failed["error"] == "interrupted"
    importances = _importances(directory, study)
    return SearchResult(
        name=name,
        study=study,
        trials=trials,
        complete=complete,
        pruned=_pruned(trials, directory.table("curves"), task_of(study.task).metric),
        failed=failed.loc[~interrupted, "trial"],
        interrupted=int(interrupted.sum()),
        top=complete.head(_TOP)[["trial", "value", *study.space]],
        lead=float(values[0] - values[1]) if len(values) > 1 else None,
        near=int((values >= values[0] - NEAR).sum()) - 1,
        importances=importances,
        interactions=max(0.0, 1 - sum(importances.values())) if importances else None,
    )


def _fitted(trials: pd.DataFrame, name: str, study: Study, directory: StudyDirectory) -> pd.DataFrame:
    """Return the trials with parameters exactly as params.yaml has them, whatever reading made of their digits."""
    where = f"{directory.results / 'trials.csv'}"
    columns = {}
    for key, dimension in study.space.items():
        if key not in trials:
            raise RunError(f"{where}: column {key!r} is missing: run `{study.command(name)}`")
        columns[key] = [_value(value, dimension) for value in trials[key]]
        if None in columns[key]:
            trial, value = next(
                (trials["trial"].iloc[index], trials[key].iloc[index])
                for index, each in enumerate(columns[key])
                if each is None
            )
            expected = f"{key} {value!r} is not in the space of params.yaml ({dimension.description})"
            raise RunError(f"{where}: trial {trial}: {expected}: run `{study.command(name)}`")
    return trials.assign(**{key: pd.Series(values, index=trials.index) for key, values in columns.items()})


def _value(read: object, dimension: Range | Choices) -> Value | None:
    """Return the value that was meant; None if there is no such value."""
    number = _number(read)
    if isinstance(dimension, Range):
        slack = 1e-9 * (dimension.high - dimension.low)
        inside = number is not None and dimension.low - slack <= number <= dimension.high + slack
        return number if inside else None
    for choice in dimension.choices:
        meant = _number(choice)
        if choice == read if meant is None or number is None else math.isclose(meant, number):
            return choice
    return None


def _number(value: object) -> float | None:
    """Return a number as one; a truth value is none."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # mypy does not follow `is_number`


def _importances(directory: StudyDirectory, study: Study) -> dict[str, float]:
    """Return the shares of single parameters; the tables appear after the first trial, importances after the last.

    The few best points of another study, which are alike, have none.
    """
    if study.sampler.kind == "best-of" or not (directory.results / "importances.csv").exists():
        return {}
    table = directory.table("importances").sort_values("importance", ascending=False, kind="stable")
    return {row.parameter: float(row.importance) for row in table.itertuples() if row.parameter in study.space}


def _pruned(trials: pd.DataFrame, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the pruned trials that have points, with the mean of the last score of each fold as their value."""
    pruned = trials[trials["state"] == "pruned"]
    if f"validation/{metric}" not in curves:
        return pruned.iloc[:0]
    last = curves.sort_values("step", kind="stable").groupby(["trial", "fold"])[f"validation/{metric}"].last()
    value = pruned["trial"].map(last.groupby("trial").mean())
    return pruned.assign(value=value).dropna(subset="value")


def trials_table(searches: list[SearchResult]) -> pd.DataFrame:
    """Return a row a trial of all studies: study, trial, state, value, seconds, and a column a parameter."""
    first = ["study", "trial", "state", "value", "seconds"]
    tables = [search.trials.assign(study=search.name).drop(columns=["started", "error"]) for search in searches]
    if not tables:
        return pd.DataFrame(columns=first)
    table = pd.concat(tables, ignore_index=True)
    return table[[*first, *table.columns.drop(first)]]
