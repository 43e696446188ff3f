import numpy as np
import pytest
from scipy import stats

from dl4ia.analysis.intervals import difference, proportion, scale_of, summarize


def test_no_values_have_no_summary() -> None:
    assert summarize([], "share") is None


def test_one_value_has_no_standard_deviation() -> None:
    summary = summarize([0.5], "share")
    assert summary is not None
    assert (summary.count, summary.mean, summary.sd, summary.low, summary.high, summary.interval) == (
        1, 0.5, None, 0.5, 0.5, False,
    )  # fmt: skip


def test_below_five_values_the_smallest_and_the_largest_are_given_and_no_interval() -> None:
    summary = summarize([0.0, 0.81, 0.82, 0.8], "share")
    assert summary is not None
    assert (summary.low, summary.high, summary.interval) == (0.0, 0.82, False)
    assert summary.mean == pytest.approx(0.6075)


@pytest.mark.parametrize("values", [[0.0, 0.81, 0.81, 0.81, 0.82], [0.999, 1.0, 1.0, 1.0, 1.0], [0.0, 0, 0, 0, 1e-6]])
def test_the_interval_of_a_share_stays_between_0_and_1_and_contains_the_mean(values: list[float]) -> None:
    summary = summarize(values, "share")
    assert summary is not None
    assert summary.interval
    assert 0 <= summary.low < summary.mean < summary.high <= 1


def test_the_interval_of_a_loss_stays_above_0_and_may_exceed_1() -> None:
    summary = summarize([0.001, 0.01, 3.0, 0.02, 0.005], "positive")
    assert summary is not None
    assert 0 < summary.low < summary.mean < summary.high
    assert summary.high > 1


def test_where_values_are_close_the_interval_is_nearly_that_of_students_t() -> None:
    values = [0.981, 0.984, 0.982, 0.983, 0.985, 0.982]
    summary = summarize(values, "share")
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert summary is not None
    assert summary.low == pytest.approx(expected.low, abs=2e-4)
    assert summary.high == pytest.approx(expected.high, abs=2e-4)


def test_equal_values_have_an_interval_of_no_width() -> None:
    summary = summarize([1.0] * 5, "share")
    assert summary is not None
    assert (summary.low, summary.high) == (1.0, 1.0)


@pytest.mark.parametrize("mean", [0.8, 0.97])
def test_the_interval_of_a_share_covers_the_mean_about_95_times_in_100(mean: float) -> None:
    rng = np.random.default_rng(0)
    samples = rng.beta(200 * mean, 200 * (1 - mean), (400, 5))
    summaries = [summarize(sample.tolist(), "share") for sample in samples]
    covered = np.mean([summary is not None and summary.low <= mean <= summary.high for summary in summaries])
    assert 0.92 < covered < 0.98


def test_losses_and_seconds_are_positive_and_all_else_are_shares() -> None:
    assert {name: scale_of(name) for name in ("test_loss", "loss", "train_seconds", "dice", "test_accuracy")} == {
        "test_loss": "positive", "loss": "positive", "train_seconds": "positive", "dice": "share",
        "test_accuracy": "share",
    }  # fmt: skip


def test_a_proportion_has_wilsons_interval() -> None:
    none_of_three = proportion(0, 3)
    assert none_of_three.low == 0
    assert none_of_three.high == pytest.approx(1.96**2 / (3 + 1.96**2), abs=1e-4)  # z² / (n + z²) where k is 0


def test_a_difference_of_many_runs_has_welchs_interval() -> None:
    ours, theirs = [0.90, 0.91, 0.92, 0.91, 0.90], [0.80, 0.83, 0.81, 0.86, 0.80, 0.82]
    result = difference(ours, theirs)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    assert result is not None
    assert result.mean == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))


def test_a_difference_of_few_runs_has_no_interval() -> None:
    result = difference([0.9, 0.91], [0.8] * 7)
    assert result is not None
    assert (result.low, result.high) == (None, None)
    assert result.mean == pytest.approx(0.105)


def test_there_is_no_difference_from_nothing() -> None:
    assert difference([], [0.8]) is None
    assert difference([0.8], []) is None


def test_a_difference_of_shares_stays_between_minus_1_and_1() -> None:
    result = difference([1.0, 1, 1, 1, 0], [0.0, 0, 0, 0, 1])
    assert result is not None
    assert result.low is not None
    assert result.high is not None
    assert -1 <= result.low < result.mean < result.high <= 1


def test_identical_runs_differ_by_a_certain_amount() -> None:
    result = difference([0.9] * 5, [0.8] * 5)
    assert result is not None
    assert result.low == result.high == result.mean


def test_the_interval_of_differences_may_contain_0() -> None:
    summary = summarize([-0.02, 0.01, 0.03, -0.01, 0.02], "difference")
    expected = stats.ttest_1samp([-0.02, 0.01, 0.03, -0.01, 0.02], 0).confidence_interval()
    assert summary is not None
    assert (summary.low, summary.high) == pytest.approx((expected.low, expected.high))
