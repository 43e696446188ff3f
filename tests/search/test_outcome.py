"""How much each parameter of a study matters."""

from itertools import product

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from dl4ia.search.outcome import write_importances
from tests.search.conftest import small

pytestmark = pytest.mark.filterwarnings("ignore:Argument ``normalize`` is an experimental feature")
BOTH = CategoricalDistribution([False, True])


@pytest.fixture
def importances(grid, layout):
    """Return the importances of two parameters, on which the value depends as a function says."""

    def compute(value):
        stored = optuna.create_study(direction="maximize")
        for left, right in product([False, True], repeat=2):
            trial = optuna.create_trial(
                params={"left": left, "right": right},
                distributions={"left": BOTH, "right": BOTH},
                value=value(left, right),
            )
            stored.add_trials([trial] * 8)
        directory = layout.study("study")
        write_importances(stored, small(grid, space={"left": None, "right": None}), directory)
        return directory.table("importances").set_index("parameter")["importance"]

    return compute


def test_a_parameter_that_decides_alone_explains_all(importances):
    shares = importances(lambda left, _: float(left))
    assert shares["left"] == pytest.approx(1, abs=0.02)
    assert shares["right"] == pytest.approx(0, abs=0.02)
    assert shares["interactions"] == pytest.approx(0, abs=0.02)


def test_what_parameters_do_together_is_attributed_to_neither(importances):
    shares = importances(lambda left, right: float(left != right))
    assert shares["interactions"] > 0.8
    assert shares.sum() == pytest.approx(1)


def test_where_all_points_are_worth_the_same_nothing_is_explained(importances):
    assert importances(lambda *_: 0.5).empty


def test_where_points_differ_in_the_last_digits_alone_nothing_is_explained(importances):
    assert importances(lambda left, _: 0.5 + 1e-9 * left).empty
