"""Two variants on the same test images: the difference of their scores, and whether it is one.

Other runs of the same variants, and other images, would give another difference: p values and intervals allow for both.
Tests of several differences are one family, whose p values are corrected (Holm, 1979): the chance of a single wrong
"better" among them is then at most 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dl4ia.analysis.crossed import mean_difference
from dl4ia.analysis.image_scores import ImageScores, on_the_same_images
from dl4ia.analysis.intervals import CONFIDENCE
from dl4ia.analysis.tables import Result

_ENOUGH = 3  # runs that trained, below which hardly anything is known of the spread over them
Test = Literal["Wilcoxon", "McNemar"]


@dataclass(frozen=True)
class Pair:
    """The mean score of `name` minus that of `rival` on a part of `images` images.

    `seeds` are how many runs of each trained and count: with `same_runs` those that both have, compared one by one.
    `low`, `high` and `p` are of the difference over runs and images (`crossed.mean_difference`), and `adjusted_p` is
    corrected for the family. `enough` says whether each has at least three runs that trained, which an ensemble, as one
    run, has not. `same_images` says whether both were trained on the same images.

    `test_p` is of these very networks and decides nothing, as two runs of one variant often differ by it. `test` is
    Wilcoxon's, of the signed ranks of the differences of images (means over runs), or McNemar's, exact, of images that
    one is right about and the other wrong, by the run of each with the best validation score.
    """

    name: str
    rival: str
    part: str
    images: int
    seeds: tuple[int, int]
    difference: float
    low: float
    high: float
    p: float
    test: Test
    test_p: float
    enough: bool
    same_runs: bool = False
    same_images: bool = True
    adjusted_p: float = 1.0

    @property
    def holds(self) -> bool:
        """Whether the one is better than the other: of enough runs, and by the corrected p value."""
        return self.enough and self.adjusted_p < 1 - CONFIDENCE


def pair(result: Result, rival: Result, part: str, *, same_runs: bool = False) -> Pair | None:
    """Compare two variants or ensembles of a task on a test set; None if no run of one of them trained.

    `same_runs`: one has the networks of the other, seed by seed, and evaluates them otherwise.
    """
    scores = [each.image_scores(part) for each in (result, rival)]
    if scores[0] is None or scores[1] is None:
        return None
    ours, theirs = on_the_same_images(scores[0], scores[1])
    difference = mean_difference(ours, theirs, same_runs=same_runs)
    low, high = difference.interval("difference")
    mistakes = result.task.evaluator().keeps_mistakes_alone
    common = len(ours.listed.columns.intersection(theirs.listed.columns)) if same_runs else 0
    seeds = (common, common) if common else (ours.listed.shape[1], theirs.listed.shape[1])
    return Pair(
        name=result.name,
        rival=rival.name,
        part=part,
        images=ours.count,
        seeds=seeds,
        difference=difference.mean,
        low=low,
        high=high,
        p=difference.p,
        test="McNemar" if mistakes else "Wilcoxon",
        test_p=_mcnemar(result, rival, part) if mistakes else _wilcoxon(ours, theirs),
        enough=min(seeds) >= _ENOUGH,
        same_runs=common > 0,
    )


def family(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with their p values corrected for being tested together."""
    adjusted = holm([each.p for each in pairs])
    return [replace(each, adjusted_p=p) for each, p in zip(pairs, adjusted, strict=True)]


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number: the k-th smallest of m times m - k + 1, never below a smaller one."""
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(values)[order] * factors), 1.0)
    return [float(p) for p in adjusted]


def _wilcoxon(ours: ImageScores, theirs: ImageScores) -> float:
    from scipy.stats import wilcoxon  # noqa: PLC0415 (a second to import)

    differences = (ours.means - theirs.means).to_numpy()
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0


def _mcnemar(result: Result, rival: Result, part: str) -> float:
    from scipy.stats import binomtest  # noqa: PLC0415

    scores = [each.image_scores(part, [each.best_seed]) for each in (result, rival)]
    assert scores[0] is not None
    assert scores[1] is not None
    ours, theirs = on_the_same_images(scores[0], scores[1])
    differences = (ours.means - theirs.means).to_numpy()
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
