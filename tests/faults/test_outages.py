"""Servers that are down or die; they fail otherwise in `make test-all`, and all at length in `make torture`.

What `make test` has of this kind: `tests/tracking/test_connection.py` and `test_failing_writes.py`.
"""

import pytest

from tests.faults import outages

_FIRST = (outages.down_at_the_start, outages.dying_in_the_middle)
_OTHERS = [outage for outage in outages.OUTAGES if outage not in _FIRST]


@pytest.mark.slow
@pytest.mark.parametrize("outage", _FIRST, ids=lambda outage: outage.__name__)
def test_a_server_that_is_down_or_dies_has_all_of_it_once_after_publishing(base, tmp_path, outage):
    fault = outages.inflict(tmp_path, base, 20, (outage,), outages.in_this_process)
    assert (fault.survived, fault.points_lost) == (1, 0)


@pytest.mark.system
@pytest.mark.parametrize("outage", _OTHERS, ids=lambda outage: outage.__name__)
def test_a_server_that_fails_otherwise_has_all_of_it_once_after_publishing(base, tmp_path, outage):
    slow = outage is outages.slow_to_answer  # a stage gives up waiting, and its thread ends with its process alone
    fault = outages.inflict(tmp_path, base, 20, (outage,), outages.as_commands if slow else outages.in_this_process)
    assert (fault.survived, fault.points_lost) == (1, 0)
