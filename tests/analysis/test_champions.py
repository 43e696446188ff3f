from dataclasses import replace

import pytest

from dl4ia.analysis.champions import champion_of
from dl4ia.analysis.tables import Result
from dl4ia.config import Params
from dl4ia.runs.layout import Layout

Read = dict[str, Result]


def named(read: Read, name: str) -> list[Result]:
    """Return the results with another champion."""
    return [replace(each, champion=each.name == name) for each in read.values() if each.task.name == "warwick"]


def test_the_champion_is_the_variant_that_params_yaml_names(read: Read, copy: tuple[Params, Layout]) -> None:
    glands = [each for each in read.values() if each.task.name == "warwick"]
    champion = champion_of(glands, copy[0])
    assert champion is not None
    assert (champion.name, champion.seed, champion.study) == ("glands-wide", 4, None)
    assert champion.validation is not None
    assert champion.validation.mean == pytest.approx(0.857)
    assert set(champion.tests) == {"test_a", "test_b"}
    assert champion.tests["test_a"].mean == pytest.approx(0.84)


def test_a_champion_from_a_study_names_it(read: Read, copy: tuple[Params, Layout]) -> None:
    champion = champion_of(named(read, "glands-searched"), copy[0])
    assert champion is not None
    assert (champion.study, champion.validation, champion.seed) == ("sizes", None, 0)


def test_a_champion_of_which_no_run_trained_is_none(read: Read, copy: tuple[Params, Layout]) -> None:
    assert champion_of(named(read, "glands-l2"), copy[0]) is None
    assert champion_of(named(read, "another"), copy[0]) is None
