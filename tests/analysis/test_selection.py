import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.selection import optimism


def networks(scores):
    """Return the networks of trials that all trained: scores (trials, folds)."""
    rows = [(trial, fold + 1, value, True) for (trial, fold), value in np.ndenumerate(scores)]
    return pd.DataFrame(rows, columns=["trial", "fold", "score", "trained"])


def test_two_folds_worked_out_by_hand():
    """Fold 1 chooses trial 0, +0.2 above its mean of 0.6, elsewhere -0.1; fold 2 trial 1, +0.1, elsewhere -0.2."""
    result = optimism(networks(np.array([[0.8, 0.6], [0.4, 0.8]])))
    assert (result.trials, result.complete, result.folds) == (2, 2, 2)
    assert result.where_chosen.mean == pytest.approx((0.2 + 0.1) / 2)
    assert result.elsewhere.mean == pytest.approx((-0.1 - 0.2) / 2)
    assert result.optimism.mean == pytest.approx(0.3)


def test_choosing_among_equals_is_nothing_but_optimism():
    rng = np.random.default_rng(0)
    result = [optimism(networks(0.8 + 0.02 * rng.standard_normal((48, 3)))) for _ in range(30)]
    assert np.mean([each.elsewhere.mean for each in result]) == pytest.approx(0, abs=0.005)
    expected_maximum = 2.2 * 0.02  # of 48 normal values
    assert np.mean([each.optimism.mean for each in result]) == pytest.approx(expected_maximum, rel=0.15)


def test_clear_differences_leave_no_optimism():
    assert optimism(networks(np.array([[0.9, 0.8], [0.5, 0.4]]))).optimism.mean == pytest.approx(0)


def test_a_trial_of_which_a_network_stayed_at_chance_level_adds_to_no_lead():
    table = networks(np.array([[0.8, 0.6], [0.4, 0.8], [0.7, 0.0]]))
    table.loc[table["score"] == 0, "trained"] = False
    result = optimism(table)
    assert (result.trials, result.complete, result.folds) == (2, 3, 2)
    assert result.where_chosen.mean == pytest.approx((0.2 + 0.1) / 2)  # as if there were no third trial


def test_one_trial_or_one_fold_chooses_nothing():
    assert optimism(networks(np.array([[0.9, 0.8]]))) is None
    assert optimism(networks(np.array([[0.9], [0.8]]))) is None
    assert optimism(networks(np.array([[0.9, 0.8], [0.5, 0.4]])).assign(trained=False)) is None
