"""What the stages say of settings that do not suit the data."""

import re

import pytest

from dl4ia.base.errors import DataError, UserError
from dl4ia.stages import Pipeline


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": 0.01}, "Cannot have number of splits n_splits="),
        ({"validation": 60}, "k-fold cross-validation requires"),
    ],
)
def test_sizes_of_which_no_split_can_be_made_are_named_in_one_line(params, layout, changes, message):
    sizes = params.split["warwick"].model_copy(update=changes)
    changed = params.model_copy(update={"split": params.split | {"warwick": sizes}})
    expected = f"params.yaml: split of warwick: strategy patient: {message}"
    with pytest.raises(DataError, match=re.escape(expected)) as caught:
        Pipeline(changed, layout).split(["warwick"])
    assert "\n" not in str(caught.value)


def test_a_task_without_sizes_of_splits_is_named(params, layout):
    only = params.model_copy(update={"split": {"mnist": params.split["mnist"]}})
    with pytest.raises(UserError, match=r"^params.yaml: split: warwick is missing, there is mnist$"):
        Pipeline(only, layout).split(["warwick"])


def test_an_unknown_task_is_named(params, layout):
    with pytest.raises(UserError, match="mnsit"):
        Pipeline(params, layout).split(["mnsit"])
