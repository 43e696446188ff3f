"""Tests of pairs, against scipy and cases worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from dl4ia.analysis.paired import family, holm, pair


def test_p_values_are_corrected_as_by_holm():
    """Four tests: 0.01 * 4, then 0.02 * 3, then 0.03 * 2, which may not be below the one before, and 0.5."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([]) == []
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])


def test_segmentations_are_compared_image_by_image(read):
    comparison = pair(read["glands-wide"], read["glands-start"], "test_a")
    scores = [read[name].image_scores("test_a").means for name in ("glands-wide", "glands-start")]
    assert comparison.difference == pytest.approx((scores[0] - scores[1]).mean())
    assert comparison.difference == pytest.approx(0.02, abs=1e-4)
    assert (comparison.test, comparison.images, comparison.seeds) == ("Wilcoxon", 60, (5, 5))
    assert comparison.low < comparison.difference < comparison.high
    assert comparison.test_p < 1e-6
    back = pair(read["glands-start"], read["glands-wide"], "test_a")
    assert (back.difference, back.p, back.test_p) == pytest.approx(
        (-comparison.difference, comparison.p, comparison.test_p)
    )


def test_digits_are_compared_by_mcnemars_test(read):
    """The best run of each: 33 and 59 of 2000 digits wrong, the first among the second: 26 against 0."""
    comparison = pair(read["digits-cnn"], read["digits-adam"], "test")
    assert (comparison.test, comparison.images) == ("McNemar", 2000)
    assert comparison.test_p == pytest.approx(2 * 0.5**26)
    assert comparison.difference == pytest.approx(0.013, abs=2e-3)


def test_equal_variants_do_not_differ(read):
    comparison = pair(read["digits-cnn"], read["digits-pool-first"], "test")
    assert (comparison.difference, comparison.test_p) == (0, 1)
    assert comparison.p == pytest.approx(1)
    assert not family([comparison])[0].holds


def test_a_difference_holds_by_the_corrected_p_value_of_enough_runs(read):
    wide = pair(read["glands-wide"], read["glands-start"], "test_a")
    assert family([wide])[0].holds
    assert not family([wide] * 10_000)[0].holds  # one of so many may be by chance
    for name in ("glands-searched", "glands-ensemble"):  # one run each
        (single,) = family([pair(read[name], read["glands-start"], "test_a")])
        assert single.adjusted_p < 1e-3
        assert not single.holds


def with_trained(result, count):
    runs = [run.model_copy(update={"trained": index < count}) for index, run in enumerate(result.record.runs)]
    return replace(result, record=result.record.model_copy(update={"runs": runs}))


@pytest.mark.parametrize(("count", "enough"), [(2, False), (3, True)])
def test_a_difference_holds_of_three_runs_at_least(read, count, enough):
    few = with_trained(read["glands-wide"], count)
    (compared,) = family([pair(few, read["glands-start"], "test_a")])
    assert compared.seeds == (count, 5)
    assert compared.holds == enough
    (same,) = family([pair(few, read["glands-wide"], "test_a", same_runs=True)])
    assert (same.seeds, same.same_runs, same.enough) == ((count, count), True, enough)


def test_variants_of_which_no_run_trained_are_not_compared(read):
    assert pair(read["glands-l2"], read["glands-start"], "test_a") is None


def test_chance_is_called_better_in_one_of_twenty_families_at_most():
    rng = np.random.default_rng(0)
    wrong = np.mean([min(holm(rng.random(10))) < 0.05 for _ in range(2000)])
    assert wrong < 0.065
