"""How much the best of many looks better than it is, on the images by which it was chosen."""

from dataclasses import dataclass

import pandas as pd

from dl4ia.analysis.intervals import Summary, summarize

_LEAST = 2  # folds: one to choose by, and another


@dataclass(frozen=True)
class Optimism:
    """The best of `trials` points by one fold: its lead over their mean there, and on the other folds.

    Summaries are over the folds, each of which chooses once. Their difference, the optimism, is what the maximum over
    many noisy scores adds.
    """

    trials: int
    folds: int
    where_chosen: Summary
    elsewhere: Summary
    optimism: Summary


def optimism(curves: pd.DataFrame, trials: pd.DataFrame, metric: str) -> Optimism | None:
    """Measure the optimism of choosing by one fold; None for a study without folds, or of one complete trial.

    `curves` and `trials` are a study's tables; `metric` is the column of the score in `curves`.
    """
    complete = trials.loc[trials["state"] == "complete", "trial"]
    points = curves[curves["trial"].isin(complete)].sort_values("step", kind="stable")
    if metric not in points or points["fold"].nunique() < _LEAST or len(complete) < _LEAST:
        return None
    scores = points.pivot_table(index="trial", columns="fold", values=metric, aggfunc="last").dropna()
    leads = scores - scores.mean()  # so that a fold that is easy for all counts for none
    rows = []
    for fold in scores:
        best = scores[fold].idxmax()
        rows.append((leads.loc[best, fold], leads.loc[best].drop(fold).mean()))
    table = pd.DataFrame(rows, columns=["there", "elsewhere"])
    summaries = [
        summarize(values.tolist(), "difference")
        for values in (table["there"], table["elsewhere"], table["there"] - table["elsewhere"])
    ]
    there, elsewhere, difference = summaries
    assert there is not None
    assert elsewhere is not None
    assert difference is not None
    return Optimism(len(scores), len(table), there, elsewhere, difference)
