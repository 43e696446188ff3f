"""How much the best of many looks better than it is, on the images by which it was chosen."""

from dataclasses import dataclass

import pandas as pd

from dl4ia.analysis.intervals import Summary, summarize

_LEAST = 2  # folds: one to choose by, and another; and trials


@dataclass(frozen=True)
class Optimism:
    """The best of `trials` points by one fold: its lead over their mean there, and on the other folds.

    These are the trials whose networks all trained, of `complete` ones. Summaries are over the folds, each of which
    chooses once. Their difference, the optimism, is what the maximum over many noisy scores adds.
    """

    trials: int
    complete: int
    folds: int
    where_chosen: Summary
    elsewhere: Summary
    optimism: Summary


def optimism(networks: pd.DataFrame) -> Optimism | None:
    """Measure the optimism of choosing by one fold; None for a study without folds, or of less than two such trials.

    `networks` are those of the complete trials, with trial, fold, score and whether they trained. A trial of which one
    did not is left out: none would choose it, and all others lead a mean that it is part of.
    """
    trained = networks[networks.groupby("trial")["trained"].transform("all")]
    scores = trained.pivot_table(index="trial", columns="fold", values="score").dropna()
    if scores.shape[1] < _LEAST or len(scores) < _LEAST:
        return None
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
    where_chosen, elsewhere, difference = summaries
    assert where_chosen is not None
    assert elsewhere is not None
    assert difference is not None
    return Optimism(len(scores), networks["trial"].nunique(), len(table), where_chosen, elsewhere, difference)
