"""Points that stand at the same place, moved apart."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0.6180339887  # its multiples fill the unit interval evenly: a jitter that is always the same


def jitter(numbers: Iterable[int]) -> NDArray[np.float64]:
    """Return offsets between -1/4 and 1/4, each by the number of its point."""
    return 0.5 * ((np.array(list(numbers), dtype=float) * _GOLDEN) % 1 - 0.5)
