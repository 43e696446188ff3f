from dataclasses import replace

import pandas as pd
import pytest

from dl4ia.analysis.starting import starting, starting_table


def test_runs_that_trained_and_others_are_told_apart(read):
    """Of glands-listed two of five trained, one of them from the middle on."""
    found = starting(read["glands-listed"], "as listed")
    assert (found.trained.count, found.trained.of) == (2, 5)
    assert found.share_above_chance(5000) == pytest.approx(2 / 5)
    assert found.share_above_chance(1000) == pytest.approx(1 / 5)
    assert 100 < found.left_at < 3000


def test_dead_units_are_those_of_each_run(read):
    result = read["glands-listed"]
    dead = pd.DataFrame({"seed": [0, 1, 2, 3], "part": "train", "metric": "dead_units", "value": [0.1, 0.2, 0.9, 0.7]})
    metrics = pd.concat([result.metrics, dead], ignore_index=True)
    found = starting(replace(result, metrics=metrics), "")
    (row,) = starting_table([found]).to_dict("records")
    assert row["dead_units_trained"] == pytest.approx(0.15)
    assert row["dead_units_not_trained"] == pytest.approx(0.8)
    assert (row["trained"], row["runs"]) == (2, 5)


def test_a_variant_without_such_metrics_has_no_share(read):
    (row,) = starting_table([starting(read["glands-wide"], "")]).to_dict("records")
    assert pd.isna(row["dead_units_trained"])
    assert row["high"] == pytest.approx(1)
