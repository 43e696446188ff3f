"""Intervals of mean scores that allow for other seeds, and for other test images of other patients.

A hierarchical bootstrap: seeds and units are drawn with replacement, independently, and the mean is taken over all
pairs of a drawn seed and an image of a drawn unit. A unit is a patient with all images, as these are not independent,
or one image where no patients are known. Of n seeds, and of n units, n - 1 are drawn: with n the variance would be too
small by the factor (n - 1) / n (Rao and Wu, 1988), a fifth for five seeds. What is random in single pairs of seed and
image, and comes of neither, counts up to three times: there the intervals are too wide, not too narrow ("The pigeonhole
bootstrap", Owen, 2007). The percentiles of means of scores between 0 and 1 are between 0 and 1, too.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dl4ia.analysis.image_scores import ImageScores, on_the_same_images
from dl4ia.analysis.intervals import CONFIDENCE

_DRAWS = 4000  # a bound at 2.5 % is then known to about a twentieth of a standard deviation
_SEED = 0


@dataclass(frozen=True)
class _Units:
    """Kinds of units: `sums` of the scores of a unit by each seed, (seeds, kinds), its `sizes` in images, (kinds,).

    There are `counts` units of each kind, (kinds,): patients differ, many digits are classified alike by all runs.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]
    counts: NDArray[np.int64]


def mean_interval(scores: ImageScores) -> tuple[float, float]:
    """Return the interval of the mean score over seeds and images."""
    rng = np.random.default_rng(_SEED)
    units = _units(scores.listed, scores.patients, scores.unlisted)
    drawn = _draws(rng, units.counts)
    return _percentiles(_seed_means(rng, drawn @ units.sums.T) / (drawn @ units.sizes))


def difference_interval(ours: ImageScores, theirs: ImageScores) -> tuple[float, float]:
    """Return the interval of the difference of two means on the same images.

    The drawn units are the same for both, so that what makes an image hard for both cancels; seeds are drawn for each.
    """
    rng = np.random.default_rng(_SEED)
    ours, theirs = on_the_same_images(ours, theirs)
    both = pd.concat([ours.listed, theirs.listed], axis=1, keys=["ours", "theirs"])
    units = _units(both, ours.patients, ours.unlisted)
    drawn = _draws(rng, units.counts)
    first, second = np.split(drawn @ units.sums.T, [ours.listed.shape[1]], axis=1)
    return _percentiles((_seed_means(rng, first) - _seed_means(rng, second)) / (drawn @ units.sizes))


def _units(listed: pd.DataFrame, patients: pd.Series | None, unlisted: int) -> _Units:
    if patients is not None:
        grouped = listed.groupby(patients.to_numpy())
        sums, sizes = grouped.sum().to_numpy().T, grouped.size().to_numpy()
        return _Units(sums, sizes, np.ones(len(sizes), dtype=np.int64))
    patterns, counts = np.unique(listed.to_numpy(), axis=0, return_counts=True)
    patterns = np.vstack([patterns, np.ones(listed.shape[1])])
    counts = np.append(counts, unlisted)
    return _Units(patterns.T, np.ones(len(counts), dtype=np.int64), counts)


def _draws(rng: np.random.Generator, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of each kind are drawn, (draws, kinds); where there is one in all, it is drawn."""
    total = int(counts.sum())
    return rng.multinomial(max(1, total - 1), counts / total, _DRAWS)


def _seed_means(rng: np.random.Generator, by_seed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over drawn seeds of values (draws, seeds)."""
    drawn = _draws(rng, np.ones(by_seed.shape[1], dtype=np.int64))
    return np.asarray((by_seed * drawn).sum(axis=1) / drawn.sum(axis=1))


def _percentiles(means: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)
