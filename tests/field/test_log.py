"""The log of the cases from the field is that of the tests."""

from collections import Counter

from tests.field.cases import LOG, Case, cases

AT_LEAST = 60


def test_the_log_has_every_case():
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    assert [line for line in lines if line.startswith("| [")] == [case.line for case in cases()]


def test_there_are_enough_cases_and_none_is_counted_twice():
    counted = Counter((case.source, case.essence) for case in cases())
    assert len(counted) >= AT_LEAST
    assert max(counted.values()) == 1


def test_a_case_has_a_public_source():
    for case in cases():
        project, number = case.source.split("#")
        assert project.count("/") == 1, case
        assert number.isdecimal(), case
        assert isinstance(case, Case)
