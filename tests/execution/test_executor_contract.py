"""What every executor promises: a further one is added to EXECUTORS."""

import os
import signal
import time
from contextlib import contextmanager

import pytest

from dl4ia.base.errors import DataError
from dl4ia.execution.cluster import DaskCluster
from dl4ia.execution.local import LocalProcesses
from dl4ia.execution.signals import Interrupted
from tests.conftest import ROOT
from tests.execution import jobs
from tests.execution.clusters import cluster


@contextmanager
def local_processes():
    yield LocalProcesses(2)


@contextmanager
def dask_cluster():
    with cluster(ROOT, 2) as started:
        yield DaskCluster(started.address)


EXECUTORS = {"local processes": local_processes, "dask cluster": dask_cluster}
SLOW = {"dask cluster"}  # to start


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXECUTORS]
)
def executor(request):
    """One for all tests: after whatever failed, it can be used again."""
    with EXECUTORS[request.param]() as started:
        yield started


def ignore(event):
    pass


class TestExecutor:
    def test_results_keep_the_order_of_the_jobs(self, executor):
        assert executor.run(jobs.double, [3, 1, 2], ignore) == [6, 2, 4]

    def test_without_jobs_there_are_no_results(self, executor):
        assert executor.run(jobs.double, [], ignore) == []

    def test_as_many_jobs_run_at_once_as_there_are_workers(self, executor, tmp_path):
        job = jobs.Meeting(tmp_path, executor.workers)
        executor.run(jobs.meet, [job] * executor.workers, ignore)

    def test_no_more_jobs_run_at_once_than_there_are_workers(self, executor):
        periods = executor.run(jobs.period, range(executor.workers * 2), ignore)
        running = [sum(start <= moment < end for start, end in periods) for moment, _ in periods]
        assert max(running) <= executor.workers

    def test_all_events_of_a_job_arrive_in_their_order(self, executor):
        events = []
        executor.run(jobs.count_up, [500, 1000], events.append)
        assert [event for event in events if event[0] == 500] == [(500, number) for number in range(500)]
        assert [event for event in events if event[0] == 1000] == [(1000, number) for number in range(1000)]

    def test_an_event_that_is_slow_to_pickle_is_not_lost(self, executor):
        events = []
        executor.run(jobs.emit_last_moment, [0, 1], events.append)
        assert [type(event) for event in events] == [jobs.SlowToPickle] * 2

    def test_the_exception_of_a_job_is_raised_after_the_others_have_stopped(self, executor):
        events = []
        with pytest.raises(DataError) as raised:
            executor.run(jobs.fail_beside_others, [None, jobs.raise_data_error], events.append)
        assert str(raised.value) == "images.npz: truncated, download it again"
        assert events == ["saved"]
        assert "raise_data_error" in raised.value.__notes__[0]

    def test_an_exception_that_cannot_be_pickled_is_described(self, executor):
        with pytest.raises(RuntimeError, match="^UnpicklableError: this and that$"):
            executor.run(jobs.fail, [jobs.raise_unpicklable_error], ignore)

    @pytest.mark.parametrize("work", [jobs.emit, jobs.result])
    def test_what_cannot_be_pickled_is_an_error(self, executor, work):
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            executor.run(work, [jobs.make_lambda], ignore)

    def test_jobs_that_cannot_be_pickled_are_an_error_and_stop_the_others(self, executor):
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            executor.run(jobs.announce_and_wait, [0, lambda: None], ignore)

    def test_an_exception_in_on_event_stops_the_workers_at_once_and_is_raised(self, executor):
        events = []

        def fill_disk(event):
            events.append(event)
            raise OSError("No space left on device")

        started = time.monotonic()
        with pytest.raises(OSError, match="^No space left on device$"):
            executor.run(jobs.announce_and_wait, [0, 1], fill_disk)
        assert time.monotonic() - started < jobs.DEADLINE / 2
        assert events == ["started"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_is_raised_after_the_workers_have_stopped_in_good_order(self, executor, number):
        events = []

        def interrupt(event):
            events.append(event)
            if events == ["started", "started"]:
                os.kill(os.getpid(), number)

        with pytest.raises(Interrupted, match=number.name) as raised:
            executor.run(jobs.announce_and_wait, [0, 1, 2], interrupt)
        assert raised.value.code == 128 + number
        assert events == ["started", "started", "saved", "saved"]

    def test_a_job_that_raises_that_it_stopped_as_asked_has_not_failed(self, executor):
        with pytest.raises(Interrupted):
            executor.run(jobs.stop_with_error, [0], lambda event: os.kill(os.getpid(), signal.SIGINT))

    def test_an_exception_of_a_job_that_should_stop_is_not_hidden_by_the_signal(self, executor):
        with pytest.raises(DataError):
            executor.run(jobs.fail_while_stopping, [0], lambda event: os.kill(os.getpid(), signal.SIGINT))
