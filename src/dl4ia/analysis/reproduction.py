"""Reported values beside those of the runs that trained."""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dl4ia.analysis.intervals import Summary, prediction_half_width, scale_of
from dl4ia.analysis.tables import Result

SHARE_TOLERANCE = 0.02  # of a score, from the reported one
RELATIVE_TOLERANCE = 0.1  # of a loss, as a part of the reported one: 0.01 is little beside 0.8 and much beside 0.05


class Agreement(StrEnum):
    """How the runs that trained relate to the reported value, which is of a single run.

    It is reproduced if it is near their mean, by a tolerance, and one more run could have given it, rounded as it is
    (95 % prediction interval).
    """

    REPRODUCED = "reproduced"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True)
class Reproduction:
    """A reported value, and what the runs that trained reach; None where no run trained or nothing like it is measured.

    Times are not among these: the report's hardware is unknown, and its loop evaluated the test set all the time.
    """

    name: str
    metric: str
    reported: float
    summary: Summary | None
    agreement: Agreement | None


def reproductions(result: Result) -> list[Reproduction]:
    """Compare each metric that the report gives of a variant."""
    return [
        Reproduction(result.name, metric, value, summary := result.summary(metric), _agreement(metric, value, summary))
        for metric, value in result.reported.items()
        if not metric.endswith("_seconds")
    ]


def _agreement(metric: str, reported: float, summary: Summary | None) -> Agreement | None:
    if summary is None:
        return None
    difference = summary.mean - reported
    loss = scale_of(metric) == "positive"
    tolerance = RELATIVE_TOLERANCE * reported if loss else SHARE_TOLERANCE
    if abs(difference) <= min(tolerance, prediction_half_width(summary) + _rounding(reported)):
        return Agreement.REPRODUCED
    return Agreement.BETTER if (difference < 0) == loss else Agreement.WORSE


def _rounding(value: float) -> float:
    """Return half a unit of the last digit of a number as it is written."""
    exponent = Decimal(repr(value)).as_tuple().exponent
    return math.ldexp(float(Decimal(10) ** int(exponent)), -1)
