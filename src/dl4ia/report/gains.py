"""What a search has won: its variant beside those that it should beat."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from dl4ia.config import Params
from dl4ia.report.shown import Shown, figure


def gains(params: Params, shown: Sequence[Shown], runs: pd.DataFrame) -> list[dict[str, str]]:
    """Return a line for each searched variant beside each that it should beat, by the runs that learned.

    Those are the variants that the report gives a figure of, and the one with the best validation score by hand.
    """
    by_hand = [item for item in shown if item.variant.task == "warwick" and item.name not in params.searched]
    if not by_hand:
        return []
    best = max(by_hand, key=lambda item: np.nan_to_num(item.row["validation_dice_mean"]))
    rivals = {item.name: item for item in by_hand if "test_a_dice" in item.variant.reported} | {best.name: best}
    return [gain_line(item, rival, runs) for item in shown if item.name in params.searched for rival in rivals.values()]


def gain_line(item: Shown, rival: Shown, runs: pd.DataFrame) -> dict[str, str]:
    """Return both test scores, and their difference with its 95 % interval (Welch)."""
    learned = runs[runs["learned"].eq(other=True)]
    ours, theirs = (learned.loc[learned["variant"] == name, "test_a_dice"] for name in (item.name, rival.name))
    gain = f"{ours.mean() - theirs.mean():+.3f}"
    if min(len(ours), len(theirs)) > 1:
        span = ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        gain += f" [{span.low:+.3f}, {span.high:+.3f}]"
    reported_here = rival.variant.reported.get("test_a_dice")
    return {
        "variant": item.name,
        "ours": figure(item.learners, "test_a_dice"),
        "rival": rival.name,
        "reported": "–" if reported_here is None else f"{reported_here:.3f}",
        "theirs": f"{figure(rival.learners, 'test_a_dice')} ({rival.row['learned']} of {rival.row['seeds']})",
        "gain": gain,
    }
