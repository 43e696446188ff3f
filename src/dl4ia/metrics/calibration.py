"""Whether confidence is accuracy: predictions ranked by their confidence, in bins."""

import numpy as np
import pandas as pd
from torch import Tensor

# Bounds of the bins, as shares of all predictions from the least confident on: most errors are among these.
_BOUNDS = np.array([0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
_DIGITS = 6  # of the means


def calibration(log_probabilities: Tensor, targets: Tensor) -> pd.DataFrame:
    """Return count, mean confidence and accuracy of the predictions in each bin, the least confident ones first.

    `log_probabilities` are (n, classes, ...), `targets` (n, ...); confidence is the largest probability. Bins without
    predictions are left out.
    """
    confidence, predicted = (values.flatten().numpy() for values in log_probabilities.exp().max(dim=1))
    order = np.argsort(confidence, kind="stable")
    correct = (predicted == targets.flatten().numpy())[order]
    bounds = np.unique(np.round(_BOUNDS * len(order)).astype(int))
    counts = np.diff(bounds)
    means = {
        name: np.add.reduceat(values.astype(np.float64), bounds[:-1]) / counts
        for name, values in (("confidence", confidence[order]), ("accuracy", correct))
    }
    return pd.DataFrame({"count": counts, **means}).round(_DIGITS)


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the expected calibration error: the mean of |accuracy - confidence| over bins, by their counts.

    Naeini, Cooper and Hauskrecht (2015); the bins are those of `calibration`.
    """
    return float(np.average((bins["accuracy"] - bins["confidence"]).abs(), weights=bins["count"]))
