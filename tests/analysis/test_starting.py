import pytest

from dl4ia.analysis.starting import starting, starting_table


@pytest.fixture
def found(every):
    """Two of five runs trained, one after a tenth of the training and one from the middle on."""
    return starting(every["glands-starts"], "five starts")


def test_runs_that_trained_and_others_are_told_apart(found):
    assert (found.trained.count, found.trained.of) == (2, 5)
    assert found.share_above_chance(5000) == pytest.approx(2 / 5)
    assert found.share_above_chance(1000) == pytest.approx(1 / 5)
    assert found.share_above_chance(100) == 0
    assert 100 < found.left_at < 3000


def test_a_run_that_diverged_did_not_start(read):
    found = starting(read["glands-listed"], "")
    assert found.share_above_chance(5000) == pytest.approx(2 / 5)


def test_the_table_has_a_row_a_variant(found):
    (row,) = starting_table([found]).to_dict("records")
    assert (row["variant"], row["trained"], row["runs"]) == ("glands-starts", 2, 5)
    assert (row["low"], row["high"]) == pytest.approx((found.trained.low, found.trained.high))
    assert row["dead_units_trained"] == pytest.approx(0.25)
    assert row["dead_units_not_trained"] == pytest.approx(0.75)
