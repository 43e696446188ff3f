import os
import signal

import pytest
import torch

from dl4ia.errors import RunError
from dl4ia.parallel import run_side_by_side, waves


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
