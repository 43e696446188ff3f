"""One outage of the five; the others are for `make test-all`, and all at length for `make torture`."""

import pytest

from tests.faults import outages

_ONE, _NEXT = outages.down_at_the_start, outages.dying_in_the_middle
_OTHERS = [outage for outage in outages.OUTAGES if outage not in {_ONE, _NEXT}]


@pytest.mark.parametrize(
    "outage", [_ONE, pytest.param(_NEXT, marks=pytest.mark.slow)], ids=lambda outage: outage.__name__
)
def test_a_server_that_is_down_or_dies_has_all_of_it_once_after_publishing(base, tmp_path, outage):
    fault = outages.inflict(tmp_path, base, 20, (outage,), outages.in_this_process)
    assert (fault.survived, fault.points_lost) == (1, 0)


@pytest.mark.system
@pytest.mark.parametrize("outage", _OTHERS, ids=lambda outage: outage.__name__)
def test_a_server_that_fails_otherwise_has_all_of_it_once_after_publishing(base, tmp_path, outage):
    slow = outage is outages.slow_to_answer  # a stage gives up waiting, and its thread ends with its process alone
    fault = outages.inflict(tmp_path, base, 20, (outage,), outages.as_commands if slow else outages.in_this_process)
    assert (fault.survived, fault.points_lost) == (1, 0)
