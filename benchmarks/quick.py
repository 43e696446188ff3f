"""Whether a change made trainings faster or slower: `python -m benchmarks.quick REV`, in two minutes on two cores.

Real trainings of a few variants by the code of this folder and by that of another revision take turns, with images in
out/dataset, on a machine with nothing else to do. Printed are seconds, and the ratio of this folder's to the other's:
the median over rounds of two trainings one after the other, with its 95 % bootstrap interval. A ratio below 1 means
that this folder is faster; an interval that has 1 in it means that no difference can be seen.
"""

import sys
import time
from contextlib import ExitStack
from statistics import median

import numpy as np
from joblib import cpu_count
from scipy.stats import bootstrap

from benchmarks.revisions import ROOT, answering, checked_out
from dl4ia.base.errors import UserError

SECONDS = 110  # for all rounds
TRAININGS = {"mnist-cnn": 300, "warwick-start": 100, "warwick-best": 20}  # iterations of each variant
_SCRIPT, _FEWEST = "measured_training.py", 3  # rounds of which an interval can be computed
Pair = tuple[float, float]  # seconds of this folder's code, and of the other's


def main(revision: str) -> None:
    """Print one line per variant."""
    with ExitStack() as stack:
        folders = ROOT, stack.enter_context(checked_out(revision))
        asks = [stack.enter_context(answering(_SCRIPT, folder, cpu_count())) for folder in folders]
        rounds: list[dict[str, Pair]] = []
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or len(rounds) < _FEWEST:
            now, before = 0, 1
            order = (now, before) if len(rounds) % 2 else (before, now)
            rounds.append({})
            for name, iterations in TRAININGS.items():
                seconds = {which: asks[which](name, iterations, ROOT) for which in order}
                rounds[-1][name] = seconds[now], seconds[before]
    for name in TRAININGS:
        print(line(name, [pairs[name] for pairs in rounds], revision))


def line(name: str, pairs: list[Pair], revision: str) -> str:
    """Return what to print of a variant: medians, and the ratio with its interval."""
    if not all(before for _, before in pairs):
        return f"{name}: not in {revision}"
    ratios = np.array([now / before for now, before in pairs])
    interval = bootstrap((ratios,), np.median, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    now, before = (median(each) for each in zip(*pairs, strict=True))
    return (
        f"{name}: {now:.3f} s, {before:.3f} s in {revision}: ratio {median(ratios):.3f} "
        f"[{interval.low:.3f}, {interval.high:.3f}], {len(pairs)} rounds, {cpu_count()} threads"
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except UserError as error:
        sys.exit(str(error))
