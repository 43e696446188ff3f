"""Numbers and lists as text."""

import math
from collections.abc import Sequence

import pandas as pd

from dl4ia.analysis.intervals import ENOUGH, Difference, Proportion, Summary
from dl4ia.analysis.paired import Pair
from dl4ia.config import Choices, Range
from dl4ia.report import names

NONE = "–"
_MOST_DIGITS = 6  # behind the point


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits behind the point; a dash for None and NaN, the empty cell of a table."""
    return NONE if value is None or math.isnan(value) else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """Return a difference; one that rounds to 0 has no sign."""
    text = f"{value:+.3f}"
    return text[1:] if float(text) == 0 else text


def mean_sd(mean: float | None, sd: float | None, digits: int = 3) -> str:
    """Return `mean ± sd`, or the mean alone where there is one value; with more digits where the sd would be 0."""
    while sd and digits < _MOST_DIGITS and float(f"{sd:.{digits}f}") == 0:
        digits += 1
    deviation = number(sd, digits)
    return number(mean, digits) + ("" if deviation == NONE else f" ± {deviation}")


def bounds(count: int, low: float | None, high: float | None, digits: int = 3, most: int = _MOST_DIGITS) -> str:
    """Return the interval in brackets; for few values the smallest and the largest.

    For one value nothing, unless there is an interval: an ensemble has one, over images. There are more digits, up to
    `most`, where two bounds that differ would read the same.
    """
    if count == 0 or (count == 1 and low == high):
        return "one run" if count else NONE
    while low != high and digits < most and number(low, digits) == number(high, digits):
        digits += 1
    return _between(count, number(low, digits), number(high, digits))


def _between(count: int, low: str, high: str) -> str:
    return f"[{low}, {high}]" if count == 1 or count >= ENOUGH else f"{low} to {high}"


def summary(value: Summary | None, digits: int = 3) -> str:
    """Return mean, standard deviation and bounds."""
    if value is None:
        return NONE
    text = mean_sd(value.mean, value.sd, digits)
    single = value.count == 1 and not value.interval
    return text if single else f"{text} {_enclosed(bounds(value.count, value.low, value.high, digits))}"


def signed_summary(value: Summary) -> str:
    """Return the mean of differences with its sign, and bounds."""
    between = _between(value.count, signed(value.low), signed(value.high))
    return signed(value.mean) + ("" if value.count == 1 else f" {_enclosed(between)}")


def _enclosed(text: str) -> str:
    return text if text.startswith("[") else f"({text})"


def difference(value: Difference | None) -> str:
    """Return a difference with its interval where there is one."""
    if value is None:
        return NONE
    if value.low is None or value.high is None:
        return signed(value.mean)
    return f"{signed(value.mean)} [{signed(value.low)}, {signed(value.high)}]"


def tested(value: Pair | None) -> str:
    """Return a difference with its interval, bold if it holds; without one where there are too few runs."""
    if value is None:
        return NONE
    if not value.enough:
        return signed(value.difference)
    text = f"{signed(value.difference)} [{signed(value.low)}, {signed(value.high)}]"
    return f"**{text}**" if value.holds else text


def runs(value: Pair) -> str:
    """Return how many runs of each variant are compared."""
    first, second = value.seeds
    return f"the same {first}" if value.same_runs else f"{first} and {second}"


def p_value(value: Pair | None) -> str:
    """Return the corrected p value of a test of enough runs."""
    if value is None or not value.enough:
        return NONE
    return significance(value.adjusted_p)


def significance(p: float) -> str:
    """Return a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004


def share(value: Proportion) -> str:
    """Return `k of n`."""
    return f"{value.count} of {value.of}"


def iterations(value: float | None) -> str:
    """Return a number of iterations."""
    return NONE if value is None else f"{value:,.0f}"


def mean_share(rows: pd.DataFrame, trained: bool) -> str:  # noqa: FBT001 (as a template calls it)
    """Return the mean of the column `share` of the runs that trained, or of the others, in per cent."""
    shares = rows.loc[rows["trained"] == trained, "share"]
    return percent(float(shares.mean())) if len(shares) else NONE


def percent(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.0f} %"


def capital(text: str) -> str:
    """Return a text with its first letter as a capital, and the others as they are."""
    return text[:1].upper() + text[1:]


def of_kind(kind: str, pictures: Sequence[str]) -> list[str]:
    """Return the pictures (file names) of one kind, such as `edges`."""
    return [name for name in pictures if name.startswith(kind)]


def joined(items: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return `1 run`, `2 runs`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def setting(value: object) -> str:
    """Return a value of a setting as params.yaml has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(
            f"{names.setting(key)} {setting(item)}" if key != "kind" else str(item) for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(setting(item) for item in value)}]" if value else "none"
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)


def dimension(value: Range | Choices) -> str:
    """Return what a parameter of a study may be."""
    return ", ".join(map(setting, value.choices)) if isinstance(value, Choices) else value.description


def seconds(value: float) -> str:
    """Return a duration."""
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"  # noqa: PLR2004


def commit(name: str) -> str:
    """Return a commit in short, and whether files differed from it."""
    revision, dirty, _ = name.partition("-dirty")
    return (f"{revision[:10]} with uncommitted changes" if dirty else revision[:10]) or "unknown (no git)"
