import pytest

from dl4ia.analysis.repeated_splits import repeated_splits, splits_table


@pytest.fixture
def repeated(read, copy):
    """glands-combined as if each of its seeds had a split of its own."""
    params = copy[0]
    variant = params.variants["glands-combined"]
    split = variant.settings.split.model_copy(update={"strategy": "random-repeats"})
    changed = variant.model_copy(update={"settings": variant.settings.model_copy(update={"split": split})})
    params = params.model_copy(update={"variants": params.variants | {"glands-combined": changed}})
    return repeated_splits([read["glands-combined"], read["glands-wide"]], params, reported=0.1)


def test_the_gap_of_each_run_that_trained_is_measured(repeated):
    (splits,) = repeated
    assert (splits.name, splits.strategy, splits.trained.count, splits.trained.of) == (
        "glands-combined",
        "random",
        3,
        5,
    )
    assert splits.summary.mean == pytest.approx(0.025, abs=0.005)
    assert (splits.at_least.count, splits.at_least.of) == (0, 3)


def test_the_table_has_a_row_a_run(repeated):
    table = splits_table(repeated)
    assert list(table) == ["variant", "strategy", "seed", "validation", "test_a", "test_b", "gap"]
    assert len(table) == 3
    assert splits_table([]).empty
