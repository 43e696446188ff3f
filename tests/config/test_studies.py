"""Dimensions of a space."""

import math

import numpy as np
import pytest

from dl4ia.config import Choices, Range


@pytest.mark.parametrize(
    ("dimension", "cell", "value"),
    [
        (Choices(kind="choices", choices=(2, 3)), 3.0, 3),
        (Choices(kind="choices", choices=(False, True)), True, True),
        (Choices(kind="choices", choices=("l2", "weight-decay")), "l2", "l2"),
        (Range(kind="range", low=1, high=8, log=False), 4.0, 4),
        (Range(kind="range", low=0.1, high=8.0, log=False), 4.0, 4.0),
    ],
)
def test_values_of_a_table_are_those_of_params(dimension, cell, value):
    read = dimension.value_of(cell)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("cell", ["c", math.nan, np.True_, None, 0.02, 1, 17])
def test_a_cell_that_no_value_of_the_space_can_stand_for_has_none(cell):
    assert Choices(kind="choices", choices=("a", 0.01)).value_of(cell) is None
    assert Range(kind="range", low=4, high=16, log=False).value_of(cell) is None
