"""Variants beside each other, like with like: the best of those validated alike, and pairs that differ in one setting.

Validation scores are compared only among variants with the same training and the same validation images: of one task
and one split strategy. Test scores are of the same images for all variants of a task.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from dl4ia.analysis.intervals import Difference, Proportion, Summary, difference, proportion
from dl4ia.analysis.settings import FlatSettings, differences
from dl4ia.analysis.tables import Result
from dl4ia.config import Params, Variant

_VALIDATION = "validation"  # the part of the images that decides


@dataclass(frozen=True)
class Best:
    """The variant with the highest mean validation score among `candidates` variants of one split strategy.

    Of each at least half of the runs trained, and these count. `twins` are variants with the same runs, `seed` is the
    run with the highest validation score, and `second` the next variant with other runs, with the lead over it.
    """

    name: str
    twins: tuple[str, ...]
    strategy: str
    candidates: int
    validation: Summary
    seed: int
    second: str | None
    lead: Difference | None


@dataclass(frozen=True)
class Ablation:
    """Two variants that differ in one setting alone; `values` are those of `rival` and of `name`.

    `trained` and `rival_trained` say how many runs of each trained. `identical`: runs trained, and each has exactly the
    test score and loss of the other variant's run with its seed.
    """

    name: str
    rival: str
    setting: str
    values: tuple[object, object]
    trained: Proportion
    rival_trained: Proportion
    identical: bool


def trained_share(result: Result) -> Proportion:
    """Return how many of the runs of a variant trained."""
    return proportion(len(result.trained), len(result.record.runs))


def best_variants(read: Sequence[Result], params: Params) -> list[Best]:
    """Return the best variant of each split strategy with validation images, the strategy of most variants first."""
    groups: dict[str, list[Result]] = {}
    for result in read:
        variant = params.variants.get(result.name)
        score = result.summary(_validation(result))
        if variant is not None and score is not None and 2 * len(result.trained) >= len(result.record.runs):
            groups.setdefault(variant.settings.split.strategy, []).append(result)
    return [_best(strategy, group) for strategy, group in sorted(groups.items(), key=lambda item: -len(item[1]))]


def _best(strategy: str, group: Sequence[Result]) -> Best:
    first, *others = sorted(group, key=_mean_validation, reverse=True)
    validation = first.summary(_validation(first))
    assert validation is not None
    twins = [each for each in others if _identical(first, each, _VALIDATION)]
    second = next((each for each in others if each not in twins), None)
    lead = None if second is None else difference(first.values(_validation(first)), second.values(_validation(second)))
    seed = int(first.by_seed(_validation(first)).idxmax())
    names = tuple(each.name for each in twins)
    return Best(first.name, names, strategy, len(group), validation, seed, second.name if second else None, lead)


def _validation(result: Result) -> str:
    return f"{_VALIDATION}_{result.task.metric}"


def _mean_validation(result: Result) -> float:
    values = result.values(_validation(result))
    return sum(values) / len(values)


def on_same_images(params: Params, name: str, rival: str) -> bool:
    """Return whether two variants, or the members of ensembles, are trained on the same images."""
    return len(_strategies(params, name) | _strategies(params, rival)) == 1


def _strategies(params: Params, name: str) -> set[str]:
    members = params.ensembles[name].members if name in params.ensembles else (name,)
    return {params.variants[member].settings.split.strategy for member in members if member in params.variants}


def ablations(read: Sequence[Result], params: Params) -> list[Ablation]:
    """Return each two variants of one task that differ in one setting alone, of results of one task."""
    return list(_ablations([result for result in read if result.name in params.variants], params.variants))


def _ablations(read: Sequence[Result], variants: dict[str, Variant]) -> Iterator[Ablation]:
    rows = [(result, FlatSettings.of(variants[result.name])) for result in read]
    for (first, settings), (second, others) in combinations(rows, 2):
        changed = differences(settings, others)
        if len(changed) == 1:
            ((setting, values),) = changed.items()
            identical = _identical(first, second, first.task.test_sets[0])
            trained = trained_share(second), trained_share(first)
            yield Ablation(second.name, first.name, setting, values, *trained, identical)


def _identical(first: Result, second: Result, part: str) -> bool:
    metric = first.task.metric
    one, other = (
        each.metrics[(each.metrics["part"] == part) & each.metrics["metric"].isin([metric, "loss"])]
        .set_index(["seed", "metric"])["value"]
        .sort_index()
        for each in (first, second)
    )
    return bool(first.trained) and one.equals(other)
