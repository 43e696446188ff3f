import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from dl4ia.errors import RunError
from dl4ia.parallel import run_side_by_side, waves
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("jobs", "cores", "shape"),
    [(3, 2, [(2, 1), (1, 2)]), (4, 2, [(2, 1), (2, 1)]), (3, 16, [(3, 5)]), (1, 1, [(1, 1)]), (5, 4, [(4, 1), (1, 4)])],
)
def test_waves_fill_the_cores_and_never_more(jobs, cores, shape):
    assert [(len(wave), threads) for wave, threads in waves(range(jobs), cores)] == shape


def work(job, emit):
    emit((job, torch.get_num_threads()))
    return job * 2


def die(job, emit):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_and_events_all_arrive():
    events = []
    assert run_side_by_side(work, [3, 1, 2], events.append) == [6, 2, 4]
    assert sorted(job for job, _ in events) == [1, 2, 3]


def test_threads_are_pinned(monkeypatch):
    monkeypatch.setattr("dl4ia.parallel.cpu_count", lambda: 2)
    events = []
    run_side_by_side(work, [1, 2, 3], events.append)
    assert dict(events) == {1: 1, 2: 1, 3: 2}


def test_a_killed_worker_is_an_error_and_not_a_hang():
    with pytest.raises(RunError, match="a worker process was killed"):
        run_side_by_side(die, [1], lambda _: None)


def linger(path, emit):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    where = tmp_path / "worker"
    code = f"from tests.test_parallel import linger, run_side_by_side as run; run(linger, [{str(where)!r}], print)"
    parent = subprocess.Popen([sys.executable, "-c", f"if __name__ == '__main__':\n    {code}"], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not where.exists() or not where.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    worker = Path("/proc") / where.read_text()
    while worker.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
