import pytest

from dl4ia.analysis.starting import starting, starting_table


@pytest.fixture
def starts(every):
    """Two of five runs trained, one after a tenth of the training and one from the middle on."""
    return starting(every["glands-starts"], "five starts")


def test_runs_that_trained_are_counted_and_others_are_not(starts):
    assert (starts.trained.count, starts.trained.of) == (2, 5)
    assert starts.share_above_chance(5000) == pytest.approx(2 / 5)
    assert starts.share_above_chance(1000) == pytest.approx(1 / 5)
    assert starts.share_above_chance(100) == 0
    assert 100 < starts.left_at < 3000


def test_a_run_that_diverged_did_not_start(read):
    starts = starting(read["glands-listed"], "")
    assert starts.share_above_chance(5000) == pytest.approx(2 / 5)


def test_the_table_has_a_row_a_variant(starts):
    (row,) = starting_table([starts]).to_dict("records")
    assert (row["variant"], row["trained"], row["runs"]) == ("glands-starts", 2, 5)
    assert (row["low"], row["high"]) == pytest.approx((starts.trained.low, starts.trained.high))
    assert row["dead_units_trained"] == pytest.approx(0.25)
    assert row["dead_units_not_trained"] == pytest.approx(0.75)
