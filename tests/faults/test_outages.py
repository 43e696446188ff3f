"""One outage of the five of `make torture`."""

from tests.faults import outages


def test_a_server_that_dies_in_the_middle_has_all_of_it_once_after_publishing(base, tmp_path):
    fault = outages.inflict(tmp_path, base, 60, (outages.dying_in_the_middle,))
    assert (fault.survived, fault.points_lost) == (1, 0)
