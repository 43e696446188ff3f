"""Groups of experiments that answer a question: their variants are shown with the answer, not among the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from dl4ia.analysis.comparisons import ablations
from dl4ia.analysis.families import named_pairs
from dl4ia.analysis.paired import Pair
from dl4ia.analysis.repeated_splits import RepeatedSplits, repeated_splits
from dl4ia.analysis.searches import SearchResult
from dl4ia.analysis.selection import Optimism, optimism
from dl4ia.analysis.starting import Starting, starting
from dl4ia.analysis.tables import Result
from dl4ia.config import Params

ABLATION, SPLITS, STARTS = GROUPS = ("ablation", "splits", "starts")  # as in params.yaml


@dataclass(frozen=True)
class Questions:
    """The answers of one task; each is empty where its experiments have no results.

    `ablation` are the pairs of each variant that lacks one ingredient with the one that has all, `skips` the variants
    without skip connections after those that differ in nothing else, and `optimism` is of each study with folds.
    """

    ablation: list[Pair]
    skips: list[tuple[Result, Result]]
    splits: list[RepeatedSplits]
    starts: list[Starting]
    optimism: dict[str, Optimism]


def questions(read: Sequence[Result], params: Params, searches: Sequence[SearchResult]) -> Questions:
    """Return the answers of a task from its results and its studies."""
    groups = {result.name: params.rows[result.name].group for result in read}
    starts = [result for result in read if groups[result.name] == STARTS]
    leads = {search.name: optimism(search.networks) for search in searches}
    return Questions(
        ablation=named_pairs(read, params, [name for name, group in groups.items() if group == ABLATION]),
        skips=_skips(read, params),
        splits=repeated_splits([result for result in read if groups[result.name] == SPLITS], params, _reported(read)),
        starts=[starting(result, params.rows[result.name].about) for result in starts],
        optimism={name: each for name, each in leads.items() if each is not None},
    )


def _skips(read: Sequence[Result], params: Params) -> list[tuple[Result, Result]]:
    by_name = {result.name: result for result in read if result.trained}
    pairs = [
        (each.rival, each.name) if each.values[0] else (each.name, each.rival)
        for each in ablations(read, params)
        if each.setting == "network.skip_connections"
    ]
    return [(by_name[name], by_name[other]) for name, other in pairs if {name, other} <= by_name.keys()]


def _reported(read: Sequence[Result]) -> float | None:
    """Return the gap that the report gives of a variant, if of any."""
    for result in read:
        validation = result.reported.get(f"validation_{result.task.metric}")
        test = result.reported.get(result.task.headline_metric)
        if validation is not None and test is not None:
            return validation - test
    return None
