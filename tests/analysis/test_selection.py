import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.selection import optimism

METRIC = "validation/dice"


def tables(scores):
    """Return a study's tables: scores (trials, folds) at the last of two points."""
    rows = [
        {"trial": trial, "fold": fold + 1, "step": step, METRIC: value * step / 200}
        for (trial, fold), value in np.ndenumerate(scores)
        for step in (100, 200)
    ]
    return pd.DataFrame(rows), pd.DataFrame({"trial": range(len(scores)), "state": "complete"})


def test_two_folds_worked_out_by_hand():
    """Fold 1 chooses trial 0, +0.2 above its mean of 0.6, elsewhere -0.1; fold 2 trial 1, +0.1, elsewhere -0.2."""
    curves, trials = tables(np.array([[0.8, 0.6], [0.4, 0.8]]))
    found = optimism(curves, trials, METRIC)
    assert (found.trials, found.folds) == (2, 2)
    assert found.where_chosen.mean == pytest.approx((0.2 + 0.1) / 2)
    assert found.elsewhere.mean == pytest.approx((-0.1 - 0.2) / 2)
    assert found.optimism.mean == pytest.approx(0.3)


def test_choosing_among_equals_is_nothing_but_optimism():
    rng = np.random.default_rng(0)
    found = [optimism(*tables(0.8 + 0.02 * rng.standard_normal((48, 3))), METRIC) for _ in range(30)]
    assert np.mean([each.elsewhere.mean for each in found]) == pytest.approx(0, abs=0.005)
    expected_maximum = 2.2 * 0.02  # of 48 normal values
    assert np.mean([each.optimism.mean for each in found]) == pytest.approx(expected_maximum, rel=0.15)


def test_clear_differences_leave_no_optimism_and_pruned_trials_do_not_count():
    curves, trials = tables(np.array([[0.9, 0.8], [0.5, 0.4], [0.99, 0.1]]))
    trials.loc[2, "state"] = "pruned"
    found = optimism(curves, trials, METRIC)
    assert (found.trials, found.optimism.mean) == (2, pytest.approx(0))


def test_one_trial_or_one_fold_chooses_nothing():
    assert optimism(*tables(np.array([[0.9, 0.8]])), METRIC) is None
    assert optimism(*tables(np.array([[0.9], [0.8]])), METRIC) is None
