import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from dl4ia.execution.processes import end_with_dvc, is_gone, this_process

HOST = this_process().split("/")[0]
STAGE = """
import time
from dl4ia.execution.processes import end_with_dvc, this_process
end_with_dvc()
print(this_process(), flush=True)
time.sleep(60)
"""


def test_a_running_process_is_not_gone():
    assert not is_gone(this_process())


def test_a_process_that_ended_is_gone():
    code = "from dl4ia.execution.processes import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(ended)


def test_a_process_that_nobody_has_waited_for_yet_is_gone():
    zombie = subprocess.Popen(["true"])
    identity = f"{HOST}/{zombie.pid}/{psutil.Process(zombie.pid).create_time():.2f}"
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(identity)
    zombie.wait()


def test_a_process_whose_number_another_one_has_is_gone():
    assert is_gone(f"{HOST}/{os.getpid()}/1.00")


def test_a_process_is_not_gone_because_the_clock_was_set():
    started = psutil.Process().create_time()
    assert not is_gone(f"{HOST}/{os.getpid()}/{started + 2:.2f}")


@pytest.mark.parametrize("identity", ["", "unknown", "elsewhere/1/1.00", f"{HOST}/many/1.00", f"{HOST}/-1/1.00"])
def test_a_process_of_which_nothing_is_known_is_not_gone(identity):
    assert not is_gone(identity)


@pytest.mark.parametrize("method", ["create_time", "status"])
def test_a_process_that_may_not_be_inspected_is_not_gone(monkeypatch, method):
    identity = this_process()

    def deny(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, method, deny)
    assert not is_gone(identity)


@pytest.fixture
def dvc(tmp_path):
    """Return a function that starts a program named dvc, which runs a stage; it returns both."""
    started = []

    def start(*, shell):
        command = f"{sys.executable} -c '{STAGE}'; true" if shell else [sys.executable, "-c", STAGE]
        program = tmp_path / "dvc"
        program.write_text(f"import subprocess; subprocess.run({command!r}, shell={shell})")
        process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("shell", [False, True])
def test_a_stage_ends_with_the_dvc_that_runs_it(dvc, shell):
    process, stage = dvc(shell=shell)
    assert not is_gone(stage)
    process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not is_gone(stage):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_is_watched_where_no_dvc_runs_this_process():
    before = threading.active_count()
    end_with_dvc()
    assert threading.active_count() == before


def test_dvc_is_found_beyond_an_ancestor_that_may_not_be_inspected(monkeypatch):
    parent, grandparent = psutil.Process().parents()[:2]
    watched = threading.Event()

    def cmdline(process):
        if process == parent:
            raise psutil.AccessDenied(process.pid)
        return ["python", "-m", "dvc", "repro"] if process == grandparent else []

    monkeypatch.setattr(psutil.Process, "cmdline", cmdline)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: watched.set())
    end_with_dvc()
    assert watched.is_set()
