"""The gap between validation and test score over many splits of the same training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dl4ia.analysis.intervals import Proportion, Summary, proportion, summarize
from dl4ia.analysis.tables import Result
from dl4ia.config import Params, Variant

SUFFIX = "-repeats"  # of the strategies that draw a split for each seed


@dataclass(frozen=True)
class RepeatedSplits:
    """A variant trained once on each of many splits, of which `trained` trained.

    `gaps` has one row per run that trained: seed, validation, the score on each test set, and gap, the validation minus
    the first test score. `at_least` is how many of the gaps are as large as the one that the report gives for the same
    settings, `reported`; None where it gives none.
    """

    name: str
    about: str
    strategy: str
    trained: Proportion
    gaps: pd.DataFrame
    summary: Summary
    reported: float | None
    at_least: Proportion | None


def repeated_splits(read: Sequence[Result], params: Params, reported: float | None) -> list[RepeatedSplits]:
    """Return the variants of a task with a split for each seed, of which any run trained."""
    repeated = []
    for result in read:
        variant = params.variants.get(result.name)
        if variant is not None and variant.settings.split.strategy.endswith(SUFFIX) and result.trained:
            repeated.append(_repeated(result, variant, reported))
    return repeated


def _repeated(result: Result, variant: Variant, reported: float | None) -> RepeatedSplits:
    strategy = variant.settings.split.strategy.removesuffix(SUFFIX)
    metric = result.task.metric
    columns = {"validation": _last(result, f"validation/{metric}")}
    columns |= {part: result.by_seed(f"{part}_{metric}") for part in result.task.test_sets}
    gaps = pd.DataFrame(columns).dropna().rename_axis("seed").reset_index()
    gaps["gap"] = gaps["validation"] - gaps[result.task.test_sets[0]]
    summary = summarize(gaps["gap"].tolist(), "difference")
    assert summary is not None
    count = None if reported is None else proportion(int((gaps["gap"] >= reported).sum()), len(gaps))
    trained = proportion(len(gaps), len(result.record.runs))
    return RepeatedSplits(result.name, variant.about, strategy, trained, gaps, summary, reported, count)


def _last(result: Result, column: str) -> pd.Series:
    """Return the value of a column at the end of the training, by seed."""
    ordered = result.curves.sort_values("step", kind="stable")
    return ordered.groupby("seed")[column].last()


def splits_table(repeated: Sequence[RepeatedSplits]) -> pd.DataFrame:
    """Return one row per run that trained, the content of `results/generalisation.csv`."""
    tables = [each.gaps.assign(variant=each.name, strategy=each.strategy) for each in repeated]
    if not tables:
        return pd.DataFrame(columns=["variant", "strategy", "seed", "validation", "gap"])
    table = pd.concat(tables, ignore_index=True)
    first = ["variant", "strategy"]
    return table[[*first, *table.columns.drop(first)]]
