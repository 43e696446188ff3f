"""The best points of one study, trained longer in another."""

import pytest

from dl4ia.base.errors import RunError
from dl4ia.config.studies import BestOf
from dl4ia.search.definition import definition_of
from tests.search.conftest import run


def final(study, **changes):
    return study.model_copy(update={"sampler": BestOf(kind="best-of", study="study"), "trials": 3} | changes)


def test_the_best_points_of_the_other_study_are_trained_in_order(finished, grid):
    before = finished.study("study").table("trials").sort_values("value", ascending=False, kind="stable").head(3)
    after = run(final(grid, iterations=3), finished, "final").table("trials")
    assert after[[*grid.space]].to_numpy().tolist() == before[[*grid.space]].to_numpy().tolist()
    assert after["state"].tolist() == ["complete"] * 3


@pytest.mark.slow
def test_more_trials_take_the_next_points(finished, grid):
    run(final(grid, trials=1), finished, "final")
    assert len(run(final(grid, trials=2), finished, "final").table("trials")) == 2


@pytest.mark.slow
def test_points_of_another_outcome_are_another_study(finished, grid):
    run(final(grid), finished, "final")
    table = finished.study("study").table("trials")
    finished.study("study").write_table("trials", table.assign(value=table["value"].to_numpy()[::-1]))
    with pytest.raises(RunError, match=r"study 'final' .* was made with another points"):
        run(final(grid), finished, "final")


def test_a_study_without_enough_trials_is_named(finished, layout, grid):
    with pytest.raises(RunError, match=r"the 9 best points of study 'study' are wanted, and 8 of its trials"):
        run(final(grid, trials=9), finished, "final")
    with pytest.raises(RunError, match=r"0 of its trials are complete: run `dvc repro search@study`"):
        definition_of(final(grid), layout)
