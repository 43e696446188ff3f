"""The outcome of a study: its trials, how far ahead the best one is, and what mattered."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dl4ia.base.errors import RunError
from dl4ia.config import Study
from dl4ia.runs.results import left_chance_level
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.tasks import task_of

NEAR = 0.01  # of a score, below the best, within which a trial is as good for all one knows
_TOP = 5


@dataclass(frozen=True)
class SearchResult:
    """A study as its tables in results/ have it.

    `pruned` are the trials stopped early, with the mean validation score over the folds so far in `value`. `failed` are
    the numbers of those with an error of their own, without the `interrupted` ones, each of which was repeated.

    `networks` are those of the complete trials, one a fold: `trial`, `fold`, its `score` and whether it `trained`. The
    score of a trial is the mean over its networks, whether they trained or not; `complete` and `top` have how many
    `trained`, of how many `networks`.

    `importances` are shares of the variance of the score, as main effects (fANOVA); `interactions` is what these leave.
    """

    name: str
    study: Study
    trials: pd.DataFrame
    complete: pd.DataFrame
    networks: pd.DataFrame
    pruned: pd.DataFrame
    failed: pd.Series
    interrupted: int
    top: pd.DataFrame
    lead: float | None
    near: int
    importances: dict[str, float]
    interactions: float | None

    @property
    def all_trained(self) -> "pd.Series[bool]":
        """Of each complete trial, whether all of its networks trained."""
        return self.complete["trained"] == self.complete["networks"]


def search_result(name: str, study: Study, directory: StudyDirectory) -> SearchResult | None:
    """Read the tables of a study; None if none of its trials has ended yet. Raises RunError."""
    if not (directory.results / "trials.csv").exists():
        return None
    trials = _fitted(directory.table("trials"), name, study, directory)
    complete = _ended(trials, study, "complete").sort_values("value", ascending=False, kind="stable")
    if complete.empty:
        return None
    networks = networks_of(name, study, directory)
    of_complete = networks[networks["trial"].isin(complete["trial"])]
    complete = complete.join(of_complete.groupby("trial")["trained"].agg(trained="sum", networks="size"), on="trial")
    if complete["networks"].isna().any():
        trial = complete.loc[complete["networks"].isna(), "trial"].iloc[0]
        where = f"{directory.results / 'curves.csv'}: trial {trial}: it is complete, and has no point"
        raise RunError(f"{where}: run `{study.command(name)}`")
    values = complete["value"].to_numpy()
    failed = trials[trials["state"] == "failed"]
    interrupted = failed["error"] == "interrupted"
    importances = _importances(directory, study)
    return SearchResult(
        name=name,
        study=study,
        trials=trials,
        complete=complete,
        networks=of_complete,
        pruned=_pruned(trials, study, networks),
        failed=failed.loc[~interrupted, "trial"],
        interrupted=int(interrupted.sum()),
        top=complete.head(_TOP)[["trial", "value", "trained", "networks", *study.space]],
        lead=float(values[0] - values[1]) if len(values) > 1 else None,
        near=int((values >= values[0] - NEAR).sum()) - 1,
        importances=importances,
        interactions=max(0.0, 1 - sum(importances.values())) if importances else None,
    )


def _fitted(trials: pd.DataFrame, name: str, study: Study, directory: StudyDirectory) -> pd.DataFrame:
    """Return the trials with parameters exactly as params.yaml has them, whatever reading made of their digits.

    A trial that was interrupted before all of its point was drawn lacks the rest.
    """
    where = f"{directory.results / 'trials.csv'}"
    failed = trials["state"] == "failed"
    columns = {}
    for key, dimension in study.space.items():
        if key not in trials:
            raise RunError(f"{where}: column {key!r} is missing: run `{study.command(name)}`")
        values = columns[key] = [dimension.value_of(cell) for cell in trials[key]]
        unknown = trials[np.array([value is None for value in values]) & ~(failed & trials[key].isna())]
        if len(unknown):
            number, cell = unknown["trial"].iloc[0], unknown[key].tolist()[0]
            expected = f"{key} {cell!r} is not in the space of params.yaml ({dimension.description})"
            raise RunError(f"{where}: trial {number}: {expected}: run `{study.command(name)}`")
    # Of type object: otherwise a value that is missing would turn whole numbers into others.
    return trials.assign(**{key: pd.Series(each, index=trials.index, dtype=object) for key, each in columns.items()})


def _ended(trials: pd.DataFrame, study: Study, state: str) -> pd.DataFrame:
    """Return the trials that ended so, each parameter with the type of its values."""
    ended = trials[trials["state"] == state]
    return ended.assign(**{key: ended[key].infer_objects() for key in study.space})


def _importances(directory: StudyDirectory, study: Study) -> dict[str, float]:
    """Return the shares of single parameters; the tables appear after the first trial, importances after the last.

    The few best points of another study, which are alike, have none.
    """
    if study.sampler.kind == "best-of" or not (directory.results / "importances.csv").exists():
        return {}
    table = directory.table("importances").sort_values("importance", ascending=False, kind="stable")
    return {row.parameter: float(row.importance) for row in table.itertuples() if row.parameter in study.space}


def networks_of(name: str, study: Study, directory: StudyDirectory) -> pd.DataFrame:
    """Return `trial`, `fold`, last `score`, and whether it `trained`, of each network that has a point.

    Raises RunError for curves that lack a column.
    """
    curves, task = directory.table("curves"), task_of(study.task)
    score, metric, loss = f"validation/{task.metric}", f"train/{task.metric}", "train/loss"
    if curves.empty:
        return pd.DataFrame({"trial": [], "fold": [], "score": [], "trained": []}).astype(
            {"trial": int, "trained": bool}
        )
    for column in (score, metric, loss):
        if column not in curves:
            where = f"{directory.results / 'curves.csv'}"
            raise RunError(f"{where}: column {column!r} is missing: run `{study.command(name)}`")
    last = curves.sort_values(["trial", "fold", "step"], kind="stable").groupby(["trial", "fold"]).tail(1)
    ends = zip(last[loss], last[metric], strict=True)
    trained = [
        left_chance_level({("train", "loss"): at, ("train", task.metric): reached}, task) for at, reached in ends
    ]
    return last[["trial", "fold"]].assign(score=last[score], trained=trained).reset_index(drop=True)


def _pruned(trials: pd.DataFrame, study: Study, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the pruned trials that have points, with the mean of the last score of each fold as their value."""
    pruned = _ended(trials, study, "pruned")
    value = pruned["trial"].map(networks.groupby("trial")["score"].mean())
    return pruned.assign(value=value).dropna(subset="value")


def trials_table(searches: list[SearchResult]) -> pd.DataFrame:
    """Return one row per trial of all studies: study, trial, state, value, seconds, and one column per parameter.

    Of complete trials also how many networks `trained`, of how many `networks`.
    """
    first = ["study", "trial", "state", "value", "trained", "networks", "seconds"]
    tables = [
        search.trials.assign(study=search.name)
        .drop(columns=["started", "error"])
        .join(search.complete.set_index("trial")[["trained", "networks"]].astype("Int64"), on="trial")
        for search in searches
    ]
    if not tables:
        return pd.DataFrame(columns=first)
    table = pd.concat(tables, ignore_index=True).infer_objects()
    return table[[*first, *table.columns.drop(first)]]
