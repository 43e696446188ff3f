import numpy as np
import pandas as pd
import pytest

from dl4ia.report.fit import fit_of

RUNS = pd.DataFrame({"train_dice": [0.9, 0.92], "validation_dice": [0.85, 0.85], "test_a_dice": [0.8, 0.8]})


def history(loss):
    return pd.DataFrame({"step": 100 * np.arange(1, len(loss) + 1), "validation/loss": loss})


def test_a_loss_that_rises_again_is_over_fitting():
    loss = [1.0, 0.5, 0.4, 0.45, 0.5]
    fit = fit_of("dice", RUNS, [history(loss), history(loss)])
    assert (fit.best_step, fit.last_step) == (300, 500)
    assert fit.rise == pytest.approx(0.25)
    assert "training dice is 0.060 above the validation one (95 % interval" in fit.sentence
    assert "lowest at iteration 300 of 500 and ended 25% higher: over-fitted." in fit.sentence


def test_a_loss_that_still_falls_is_under_fitting():
    sentence = fit_of("dice", RUNS, [history(np.linspace(1, 0.2, 50))]).sentence
    assert sentence.endswith("under-fitted, more iterations would help.")


def test_a_loss_that_has_settled_is_neither():
    assert fit_of("dice", RUNS, [history([1.0, 0.5] + [0.4] * 30)]).sentence.endswith("neither over- nor under-fitted.")


def test_the_best_iteration_is_that_of_the_mean_over_seeds():
    assert fit_of("dice", RUNS, [history([1.0, 0.2, 0.9]), history([0.6, 1.0, 0.3])]).best_step in {200, 300}
    assert fit_of("dice", RUNS, [history([1.0, 0.2, 0.9]), history([0.6, 0.2, 0.3])]).best_step == 200


def test_without_validation_the_gap_is_to_the_test_set():
    runs = RUNS.assign(validation_dice=np.nan)
    sentence = fit_of("dice", runs, [history([1.0, 0.5])]).sentence
    assert "0.110 above the test A one" in sentence
    assert "no validation curve" in sentence
