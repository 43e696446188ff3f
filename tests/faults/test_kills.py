"""A short part of `make torture`, seeded; that also kills whole reproductions, which takes minutes."""

import pytest

from tests.faults import scenes


@pytest.mark.parametrize(
    ("scene", "kills"),
    [
        pytest.param(lambda base: scenes.a_training(base, 100), 2, id="training"),
        pytest.param(lambda base: scenes.a_search(base, 10), 2, id="search"),
    ],
)
def test_what_is_killed_is_finished_by_the_same_command_and_nothing_is_lost(scene, kills, base, tmp_path):
    fault = scene(base).inflict(tmp_path, kills, seed=0)
    assert (fault.tried, fault.survived, fault.points_lost) == (kills, kills, 0), fault.note
