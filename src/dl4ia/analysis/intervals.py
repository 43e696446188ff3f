"""How sure a mean over runs, a difference of two means, or a share of runs is. No interval leaves what is possible."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

CONFIDENCE = 0.95
ENOUGH = 5  # runs, below which no interval is given: Student's t of two or three values says nothing
Scale = Literal["share", "positive", "difference"]  # from 0 to 1, above 0, from -1 to 1


@dataclass(frozen=True)
class Summary:
    """Mean of `count` values and their standard deviation (None for one value).

    `low` and `high` bound the mean with 95 % confidence if `interval`, else they are the smallest and largest value.
    """

    count: int
    mean: float
    sd: float | None
    low: float
    high: float
    interval: bool


@dataclass(frozen=True)
class Proportion:
    """`count` of `of`, and the 95 % interval of the share (Wilson, 1927)."""

    count: int
    of: int
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Difference of two means; `low` and `high` bound it with 95 % confidence, None where there are too few runs."""

    mean: float
    low: float | None
    high: float | None


def scale_of(metric: str) -> Scale:
    """Return what values of a metric can be: losses, seconds and distances from 0 on, all others between 0 and 1."""
    return "positive" if metric.endswith(("loss", "seconds", "hausdorff")) else "share"


def summarize(values: Sequence[float], scale: Scale) -> Summary | None:
    """Summarise independent values, or return None if there are none.

    From 5 values on, the interval is that of `t_interval`.
    """
    count = len(values)
    if count == 0:
        return None
    mean = float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if count > 1 else None
    if sd is None or count < ENOUGH:
        return Summary(count, mean, sd, float(min(values)), float(max(values)), interval=False)
    low, high = t_interval(mean, sd / math.sqrt(count), count - 1, scale)
    return Summary(count, mean, sd, low, high, interval=True)


def t_interval(mean: float, error: float, freedom: float, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of a mean with that standard error, by Student's t.

    It is taken on the logit scale (`share`) or the log scale (`positive`), with the standard error brought there by the
    delta method: it contains the mean, and ends within what is possible. That of a `difference` of shares is cut off at
    -1 and 1.
    """
    from scipy import special, stats  # noqa: PLC0415 (a second to import, and not every stage summarises)

    if error == 0:
        return mean, mean
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    if scale == "difference":
        return max(mean - half, -1.0), min(mean + half, 1.0)
    if scale == "positive":
        factor = math.exp(half / mean)
        return mean / factor, mean * factor
    centre, width = special.logit(mean), half / (mean * (1 - mean))
    return float(special.expit(centre - width)), float(special.expit(centre + width))


def prediction_half_width(summary: Summary) -> float:
    """Return how far from the mean one more value may be, with 95 % confidence; infinite below 5 values."""
    from scipy.stats import t  # noqa: PLC0415

    if summary.sd is None or summary.count < ENOUGH:
        return math.inf
    return float(t.ppf((1 + CONFIDENCE) / 2, summary.count - 1)) * summary.sd * math.sqrt(1 + 1 / summary.count)


def proportion(count: int, of: int) -> Proportion:
    """Return a share with its Wilson interval; `of` is at least 1."""
    from scipy.stats import binomtest  # noqa: PLC0415

    interval = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return Proportion(count, of, float(interval.low), float(interval.high))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference | None:
    """Return the mean of `ours` minus that of `theirs`, both shares; None if either is empty.

    The interval is Welch's, unpaired on purpose: the same seed means other weights and batches in another network.
    """
    from scipy.stats import ttest_ind  # noqa: PLC0415

    if len(ours) == 0 or len(theirs) == 0:
        return None
    mean = float(np.mean(ours) - np.mean(theirs))
    if min(len(ours), len(theirs)) < ENOUGH:
        return Difference(mean, None, None)
    if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
        return Difference(mean, mean, mean)
    interval = ttest_ind(ours, theirs, equal_var=False).confidence_interval(CONFIDENCE)
    return Difference(mean, max(float(interval.low), -1.0), min(float(interval.high), 1.0))
