"""What curves say of a training: over-fitted, unstable, converged or not, and when it left chance level."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dl4ia.runs.results import CHANCE

_POINTS = 10  # of a curve, below which it is too short for a verdict
_RISE = 0.05  # of the smoothed validation loss above its minimum, from which on it has risen
_FLAT = 0.02  # relative change of the training loss, up to which it neither rises nor falls
_FALL = 0.02  # of the loss over a tenth of the training, from which on it still falls clearly
_LOWERED = 0.5  # of the largest learning rate, below which the schedule has lowered it at the end


class Verdict(StrEnum):
    """How training and validation loss move towards the end."""

    OVER_FITTED = "over-fitted"  # validation loss rises while training loss falls
    UNSTABLE = "unstable"  # both rise, or the training loss where nothing validates
    VALIDATION_ROSE = "validation loss rose"  # while training loss stood still
    NOT_CONVERGED = "not converged"  # the loss still falls clearly, or a run left chance level shortly before the end
    ANNEALED = "annealed"  # so it does, and the learning rate with it: which says nothing of a longer training
    CONVERGED = "converged"  # no clear trend


@dataclass(frozen=True)
class Convergence:
    """The mean curves of the runs of a variant that trained.

    `best_step` is where the smoothed validation loss is lowest, None without validation; `validation_rise` and
    `train_rise` are relative changes of the losses from there to the end (without validation: of the training loss from
    its lowest), and `fall` is how much the validation loss (without validation: the training loss) falls over a tenth
    of the training at its end. `late` is how many runs left chance level in the last third, which is what the fall is
    judged by.
    """

    runs: int
    verdict: Verdict
    best_step: int | None
    last_step: int
    validation_rise: float
    train_rise: float
    fall: float
    late: int


@dataclass(frozen=True)
class Start:
    """The first point of its curve where a run had left chance level for good; None if it had not at the end.

    `fell_back` says whether it had left it before; `first_step` and `last_step` are those of the curve.
    """

    seed: int
    left_at: int | None
    fell_back: bool
    first_step: int
    last_step: int


def convergence(curves: pd.DataFrame, trained: Sequence[int], classes: int) -> Convergence | None:
    """Judge the curves of one variant by the runs (seeds) that trained; None if there are none, or of too few points.

    `curves` has columns seed, step, learning_rate, `train/loss` and, if images were held out, `validation/loss`;
    `classes` are as many as the task has.
    """
    runs = curves[curves["seed"].isin(trained)]
    validated = "validation/loss" in runs and bool(runs["validation/loss"].notna().all())
    columns = ["train/loss", "validation/loss"] if validated else ["train/loss"]
    mean = runs.groupby("step")[columns].mean() if len(runs) else pd.DataFrame()
    if len(mean) < _POINTS:
        return None
    smooth = mean.rolling(max(2, len(mean) // 10), min_periods=1).mean()
    fall, rate = _fall(mean[columns[-1]]), runs.groupby("step")["learning_rate"].mean()
    falling = Verdict.ANNEALED if rate.iloc[-1] < _LOWERED * rate.max() else Verdict.NOT_CONVERGED
    last_step = int(mean.index[-1])
    late = sum(each.left_at is not None and 3 * each.left_at > 2 * last_step for each in starts(runs, classes))
    settled = Verdict.NOT_CONVERGED if late else Verdict.CONVERGED
    otherwise = settled if fall is None else falling
    lowest = smooth[columns[-1]].idxmin()
    rise = smooth.iloc[-1] / smooth.loc[lowest] - 1
    train_rise = float(rise["train/loss"])
    if not validated:
        verdict = Verdict.UNSTABLE if train_rise > _RISE else otherwise
        return Convergence(len(trained), verdict, None, last_step, 0.0, train_rise, fall or 0.0, late)
    validation_rise = float(rise["validation/loss"])
    verdict = _verdict(train_rise, validation_rise, otherwise)
    return Convergence(len(trained), verdict, int(lowest), last_step, validation_rise, train_rise, fall or 0.0, late)


def _verdict(train_rise: float, validation_rise: float, otherwise: Verdict) -> Verdict:
    if validation_rise > _RISE:
        if train_rise < -_FLAT:
            return Verdict.OVER_FITTED
        return Verdict.UNSTABLE if train_rise > _FLAT else Verdict.VALIDATION_ROSE
    return otherwise


def _fall(loss: pd.Series) -> float | None:
    """Return by what part a loss falls over a tenth of the training, by a line through the logarithm of its last third.

    None if that is little, or not more than noise (the 95 % interval of the slope contains 0), or if it is 0 already.
    """
    from scipy.stats import linregress  # noqa: PLC0415 (a second to import)

    third = loss.iloc[-max(4, len(loss) // 3) :]
    if not (third > 0).all():
        return None
    line = linregress(third.index.to_numpy(dtype=float), np.log(third.to_numpy(dtype=float)))
    fall = 1 - float(np.exp(line.slope * loss.index[-1] / 10))
    return fall if fall > _FALL and line.pvalue < 0.05 else None  # noqa: PLR2004 (95 %)


def starts(curves: pd.DataFrame, classes: int) -> list[Start]:
    """Return for each run when its training loss fell, and stayed, below that of equal probabilities, ln(classes)."""
    return [
        _start(int(seed), run["step"].to_numpy(), run["train/loss"].to_numpy() < CHANCE * np.log(classes))
        for seed, run in curves.groupby("seed")
        if run["train/loss"].notna().all()
    ]


def _start(seed: int, steps: NDArray[np.int64], below: NDArray[np.bool_]) -> Start:
    above = np.flatnonzero(~below)
    first = 0 if len(above) == 0 else int(above[-1]) + 1
    left_at = int(steps[first]) if first < len(steps) else None
    return Start(seed, left_at, bool(left_at is None and below.any()), int(steps[0]), int(steps[-1]))
