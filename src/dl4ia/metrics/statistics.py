"""What several seeds say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation and the 95 % interval of the mean; NaN where one value cannot tell."""

    mean: float
    sd: float
    low: float
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """Summarise independent values by Student's t distribution; all NaN if there are none."""
    count = len(values)
    if count == 0:
        return Summary(math.nan, math.nan, math.nan, math.nan)
    mean = float(np.mean(values))
    if count == 1:
        return Summary(mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * sd / math.sqrt(count)
    return Summary(mean, sd, mean - half, mean + half)
