from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.convergence import Verdict, convergence, starts

POINTS = np.linspace(0.02, 1, 50)  # of a training, as a fraction of it
NOISE = 0.01 * np.random.default_rng(0).standard_normal((3, 50))


def falling(to: float) -> np.ndarray:
    return to + 0.5 * np.exp(-12 * POINTS)


def rising_after(start: float, by: float) -> np.ndarray:
    return falling(0.2) + by * np.clip(POINTS - start, 0, None)


def curves(
    train: np.ndarray, validation: np.ndarray | None, seeds: int = 3, rate: np.ndarray | float = 0.01
) -> pd.DataFrame:
    tables = []
    for seed in range(seeds):
        columns = {"seed": seed, "step": np.arange(100, 5001, 100), "train/loss": train * (1 + NOISE[seed])}
        columns["learning_rate"] = rate
        if validation is not None:
            columns["validation/loss"] = validation * (1 + NOISE[-seed - 1])
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


STILL_FALLING = 0.7 * np.exp(-1.2 * POINTS)


@pytest.mark.parametrize(
    ("train", "validation", "verdict"),
    [
        pytest.param(STILL_FALLING, rising_after(0.3, 0.4), Verdict.OVER_FITTED, id="train falls, validation rises"),
        pytest.param(rising_after(0.3, 0.4), rising_after(0.3, 0.4), Verdict.UNSTABLE, id="both rise"),
        pytest.param(falling(0.2), rising_after(0.5, 0.4), Verdict.VALIDATION_ROSE, id="train flat, validation rises"),
        pytest.param(STILL_FALLING, STILL_FALLING, Verdict.NOT_CONVERGED, id="both still fall"),
        pytest.param(falling(0.2), falling(0.25), Verdict.CONVERGED, id="both settled"),
        pytest.param(STILL_FALLING, falling(0.25), Verdict.CONVERGED, id="train falls, validation settled"),
    ],
)
def test_the_verdict_follows_from_both_losses(train: np.ndarray, validation: np.ndarray, verdict: Verdict) -> None:
    result = convergence(curves(train, validation), [0, 1, 2], 2)
    assert result is not None
    assert result.verdict == verdict


@pytest.mark.parametrize("validation", [None, STILL_FALLING])
@pytest.mark.parametrize(
    ("rate", "verdict"),
    [
        (0.01 * (1 - POINTS), Verdict.ANNEALED),  # to its end
        (0.01 * POINTS, Verdict.NOT_CONVERGED),  # as in a warm-up
        (0.01 * (1 - POINTS / 4), Verdict.NOT_CONVERGED),
    ],
)
def test_a_loss_that_falls_with_the_learning_rate_says_nothing_of_a_longer_training(validation, rate, verdict) -> None:
    result = convergence(curves(STILL_FALLING, validation, rate=rate), [0, 1, 2], 2)
    assert result is not None
    assert result.verdict == verdict


@pytest.mark.filterwarnings("error")
def test_a_loss_of_zero_falls_no_further() -> None:
    result = convergence(curves(np.where(POINTS > 0.8, 0.0, 1 - POINTS), None), [0, 1, 2], 2)
    assert result is not None
    assert result.verdict == Verdict.CONVERGED


def test_equal_losses_are_never_over_fitting() -> None:
    both = rising_after(0.2, 1.0)
    result = convergence(curves(both, both, seeds=1), [0], 2)
    assert result is not None
    assert result.verdict == Verdict.UNSTABLE


def test_the_numbers_behind_a_verdict_are_given() -> None:
    result = convergence(curves(STILL_FALLING, rising_after(0.4, 0.2)), [0, 1, 2], 2)
    assert result is not None
    assert result.runs == 3
    assert result.last_step == 5000
    assert result.best_step is not None
    assert 1800 <= result.best_step <= 2500
    assert result.validation_rise == pytest.approx(0.55, abs=0.06)
    assert result.train_rise < -0.4


@pytest.mark.parametrize(
    ("train", "verdict"),
    [
        (STILL_FALLING, Verdict.NOT_CONVERGED),
        (falling(0.2), Verdict.CONVERGED),
        (rising_after(0.5, 0.4), Verdict.UNSTABLE),
    ],
)
def test_without_validation_the_training_loss_says_whether_it_still_falls_or_rises(
    train: np.ndarray, verdict: Verdict
) -> None:
    result = convergence(curves(train, None), [0, 1, 2], 2)
    assert result is not None
    assert (result.verdict, result.best_step) == (verdict, None)


def test_a_loss_that_falls_less_than_its_noise_has_converged() -> None:
    noisy = 0.3 * (1 + 0.2 * np.random.default_rng(3).standard_normal(50)) - 0.02 * POINTS
    result = convergence(curves(noisy, noisy, seeds=1), [0], 2)
    assert result is not None
    assert result.verdict != Verdict.NOT_CONVERGED


def test_a_training_that_one_run_has_just_begun_has_not_converged() -> None:
    table = curves(falling(0.2), falling(0.25), seeds=2)
    late = (table["seed"] == 1) & (table["step"] < 4500)
    table.loc[late, ["train/loss", "validation/loss"]] = np.log(2)
    table.loc[(table["seed"] == 1) & ~late, ["train/loss", "validation/loss"]] = 0.68
    result = convergence(table, [0, 1], 2)
    assert result is not None
    assert (result.verdict, result.fall, result.late) == (Verdict.NOT_CONVERGED, 0, 1)


def test_there_is_no_verdict_if_no_run_trained() -> None:
    dead = np.full(50, np.log(2))
    assert convergence(curves(dead, dead), [], 2) is None


def test_runs_that_did_not_train_have_no_part_in_the_verdict() -> None:
    table = curves(falling(0.2), falling(0.25))
    table.loc[table["seed"] == 1, ["train/loss", "validation/loss"]] = np.log(2)
    result = convergence(table, [0, 2], 2)
    assert result is not None
    assert (result.runs, result.verdict) == (2, Verdict.CONVERGED)
    of_trained = convergence(table[table["seed"] != 1], [0, 2], 2)
    assert result == of_trained


def test_there_is_no_verdict_on_a_curve_of_few_points() -> None:
    table = curves(STILL_FALLING, STILL_FALLING)
    assert convergence(table[table["step"] <= 900], [0, 1, 2], 2) is None


def test_a_run_that_diverged_early_has_no_part_in_the_mean() -> None:
    table = curves(falling(0.2), falling(0.25))
    diverged = table[(table["seed"] == 2) & (table["step"] <= 300)]
    result = convergence(pd.concat([table[table["seed"] < 2], diverged]), [0, 1], 2)
    assert result is not None
    assert (result.last_step, result.verdict) == (5000, Verdict.CONVERGED)


def run(loss: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    steps = np.arange(100, 5001, 100)
    return pd.DataFrame({"seed": 7, "step": steps, "train/loss": loss(steps)})


def test_a_run_leaves_chance_level_when_its_loss_stays_below_that_of_equal_probabilities() -> None:
    (start,) = starts(run(lambda steps: np.where(steps < 4300, 0.6931, 0.6)), classes=2)
    assert (start.seed, start.left_at, start.fell_back, start.last_step) == (7, 4300, False, 5000)


def test_a_run_below_chance_level_from_its_first_point_left_it_there() -> None:
    (start,) = starts(run(lambda steps: np.exp(-steps / 5000)), classes=10)
    assert start.left_at == 100


def test_a_run_whose_relus_died_fell_back() -> None:
    (start,) = starts(run(lambda steps: np.where(steps < 500, 0.6, 0.6931)), classes=2)
    assert (start.left_at, start.fell_back) == (None, True)


def test_a_run_that_never_left_chance_level_did_not_fall_back() -> None:
    (start,) = starts(run(lambda steps: 0.6931 + 0.001 * np.sin(steps)), classes=2)
    assert (start.left_at, start.fell_back) == (None, False)
