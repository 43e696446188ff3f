"""Where values of a study's parameters stand on an axis, and what is written there."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dl4ia.analysis.searches import SearchResult
from dl4ia.config import Choices, Range
from dl4ia.config.studies import Value
from dl4ia.report import formats, names
from dl4ia.report.plots.jitter import jitter
from dl4ia.tasks import task_of

AT_CHANCE = "complete, with a network at chance level"


def places(values: Iterable[Value], dimension: Range | Choices) -> NDArray[np.float64]:
    """Return where values stand: choices side by side in their order, numbers by size or by its logarithm."""
    if isinstance(dimension, Choices):
        return np.array([dimension.choices.index(value) for value in values], dtype=float)
    numbers = np.array(list(values), dtype=float)
    return np.log10(numbers) if dimension.log else numbers


def ticks(dimension: Range | Choices) -> tuple[list[float], list[str]]:
    """Return the places of an axis that have a name, and the names."""
    if isinstance(dimension, Choices):
        return [float(place) for place in range(len(dimension.choices))], [
            formats.setting(c) for c in dimension.choices
        ]
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        powers = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
        apart = (high / low) ** 0.2  # from the ends, or names would overlap
        named = [low, *(power for power in powers if low * apart < power < high / apart), high]
    else:
        named = [low, (low + high) / 2, high]
    return places(named, dimension).tolist(), [f"{number:.3g}" for number in named]


def jittered(where: NDArray[np.float64], dimension: Range | Choices, numbers: Iterable[int]) -> NDArray[np.float64]:
    """Move points at the same choice apart, by the number of their trial; numbers of a range stay where they are."""
    if isinstance(dimension, Range):
        return where
    return where + jitter(numbers)


def score_axis(search: SearchResult) -> str:
    """Return the label of an axis of a study's values."""
    return f"validation {names.axis(task_of(search.study.task))}"
