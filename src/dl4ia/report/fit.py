"""Over- or under-fitting, computed from the curves and said in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dl4ia.metrics.statistics import Summary, summarize

RISE = 0.05  # of the validation loss above its lowest point, from which on a net counts as over-fitted
FALL = 0.01  # of the validation loss over the last tenth, from which on a net counts as still learning


@dataclass(frozen=True)
class Fit:
    """How training and validation curves of a variant relate, over its seeds."""

    metric: str
    gap: Summary
    against: str
    best_step: int | None
    last_step: int
    rise: float
    fall: float

    @property
    def sentence(self) -> str:
        """What the figures say of over- and under-fitting."""
        size = f"{abs(self.gap.mean):.3f}"
        span = f" (95 % interval {self.gap.low:+.3f} to {self.gap.high:+.3f})" if self.gap.low == self.gap.low else ""
        relation = "above" if self.gap.mean >= 0 else "below"
        first = f"At the end the training {self.metric} is {size} {relation} the {self.against} one{span}"
        if self.best_step is None:
            return f"{first}; trained on all images, the net has no validation curve to tell when it was best."
        if self.best_step < self.last_step and self.rise > RISE:
            verdict = f"and ended {self.rise:.0%} higher: over-fitted."
        elif self.fall > FALL:
            verdict = (
                f"and still fell by {self.fall:.0%} over the last tenth: under-fitted, more iterations would help."
            )
        else:
            verdict = f"and ended {self.rise:.0%} higher: neither over- nor under-fitted."
        return f"{first}; the validation loss was lowest at iteration {self.best_step} of {self.last_step} {verdict}"


def fit_of(metric: str, runs: pd.DataFrame, histories: Sequence[pd.DataFrame]) -> Fit:
    """Compare the evaluated training figures of `runs` with validation, or where there is none with the test set.

    The best iteration is that of the lowest validation loss, averaged over seeds.
    """
    test = "test" if f"test_{metric}" in runs else "test_a"
    against = "validation" if runs[f"validation_{metric}"].notna().any() else test
    gap = summarize((runs[f"train_{metric}"] - runs[f"{against}_{metric}"]).tolist())
    last_step = int(histories[0]["step"].iloc[-1])
    if against == test:
        return Fit(metric, gap, test.replace("_a", " A"), None, last_step, 0.0, 0.0)
    loss = pd.concat([history.set_index("step")["validation/loss"] for history in histories], axis=1).mean(axis=1)
    tenth = max(1, len(loss) // 10)
    before, end = float(loss.iloc[-2 * tenth : -tenth].mean()), float(loss.iloc[-tenth:].mean())
    best = int(loss.idxmin())
    return Fit(metric, gap, against, best, last_step, float(loss.iloc[-1] / loss.min() - 1), 1 - end / before)
