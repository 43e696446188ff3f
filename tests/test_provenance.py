import subprocess
import sys

import pytest

from dl4ia.provenance import is_gone, this_process


def test_a_process_that_runs_is_not_gone():
    assert not is_gone(this_process())


def test_one_that_has_ended_is_gone_and_so_is_one_whose_number_another_has():
    code = "from dl4ia.provenance import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(ended)
    host, number, _ = this_process().split("/")
    assert is_gone(f"{host}/{number}/1.00")


def test_a_clock_that_was_set_ends_no_process():
    host, number, started = this_process().split("/")
    assert not is_gone(f"{host}/{number}/{float(started) + 2:.2f}")


@pytest.mark.parametrize("name", ["", "unheard of", "elsewhere/1/1.00", f"{this_process().split('/')[0]}/many/1.00"])
def test_of_others_nobody_knows(name):
    assert not is_gone(name)
