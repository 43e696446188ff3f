"""What is particular to a Dask cluster: its machines may differ, and any of them may disappear."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import distributed.utils
import pytest
from distributed import Reschedule

import dl4ia.execution.cluster
from dl4ia.base.errors import RunError
from dl4ia.execution.cluster import DaskCluster, _perform
from tests.conftest import ROOT
from tests.execution import jobs, torch_jobs
from tests.execution.clusters import cluster

_COMMAND = """
import sys
from dl4ia.execution.cluster import DaskCluster
from tests.execution import jobs
DaskCluster(sys.argv[1]).run(jobs.note_stop, [sys.argv[2]], lambda event: print(event, flush=True))
"""


_OLD_PYTHON = """
import distributed.versions
true = distributed.versions.get_system_info
distributed.versions.get_system_info = lambda: true() | {"python": "3.9.1.final.0"}
"""


def ignore(event):
    pass


def old_python(folder):
    """Return a folder that lets a Python which imports from it say of itself that it is an old one."""
    (folder / "sitecustomize.py").write_text(_OLD_PYTHON)
    return str(folder)


@pytest.fixture(scope="module")
def two_workers():
    with cluster(ROOT, 2) as started:
        yield started


@pytest.fixture
def no_worker():
    with cluster(ROOT) as started:
        yield started


@pytest.mark.slow
def test_each_job_has_one_thread_and_computes_denormal_numbers_as_zero(two_workers):
    executor = DaskCluster(two_workers.address)
    assert executor.workers == 2
    assert executor.run(torch_jobs.threads, [1, 2, 3], ignore) == [1] * 3
    assert executor.run(torch_jobs.normal_products, [None], ignore) == [0]


@pytest.mark.slow
def test_the_job_of_a_worker_that_dies_is_run_again(two_workers, tmp_path):
    events = []
    executor = DaskCluster(two_workers.address)
    assert executor.run(jobs.be_killed_at_first, [tmp_path / "attempts"], events.append) == [2]
    assert events == ["started"]


@pytest.mark.slow
@pytest.mark.parametrize("work", [jobs.stop_at_first, jobs.fail_at_first])
def test_the_job_of_a_worker_that_ends_in_good_order_is_run_again(no_worker, tmp_path, work):
    """By SIGTERM, as at the end of its time: what stopped for that is no result."""
    for _ in range(3):
        no_worker.add_workers(1)
    executor = DaskCluster(no_worker.address)
    for name in ("first", "second"):
        results = executor.run(work, [tmp_path / name], lambda worker: os.kill(worker, signal.SIGTERM))
        assert results == ["finished"]


@pytest.mark.system
def test_a_job_that_kills_every_worker_is_an_error_of_one_line_after_the_others_have_stopped(no_worker):
    no_worker.add_workers(5)
    with pytest.raises(RunError, match=r"^4 workers died while they ran the same job, the last one tcp://.*run again$"):
        DaskCluster(no_worker.address).run(jobs.fail_beside_others, [jobs.be_killed, None], ignore)


@pytest.mark.slow
def test_a_job_stops_when_the_command_that_waits_for_it_is_killed(two_workers, tmp_path):
    words = [sys.executable, "-c", _COMMAND, two_workers.address, str(tmp_path / "note")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert command.stdout.readline() == "started\n"
    command.kill()
    jobs.wait_until((tmp_path / "note").exists)


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_command_in_one_line_and_its_jobs_in_good_order(no_worker, tmp_path):
    no_worker.add_workers(1)
    executor = DaskCluster(no_worker.address)
    message = f"^the scheduler at {no_worker.address} does not answer: .* the same command resumes$"
    with pytest.raises(RunError, match=message):
        executor.run(jobs.note_stop, [tmp_path / "note"], lambda event: no_worker.scheduler.kill())
    jobs.wait_until((tmp_path / "note").exists)


@pytest.mark.slow
def test_a_worker_with_other_code_that_joined_later_is_named(no_worker, monkeypatch):
    no_worker.add_workers(1)
    executor = DaskCluster(no_worker.address)
    monkeypatch.setattr(dl4ia.execution.cluster, "_CODE", "edited since")
    with pytest.raises(
        RunError, match=r"^worker tcp://.*: it has other code than this command: .*, and start it again"
    ):
        executor.run(jobs.process, range(2), ignore)


@pytest.mark.slow
def test_one_gpu_is_taken_by_one_job(no_worker):
    no_worker.add_workers(1, "--resources", "GPU=1")
    no_worker.add_workers(1)
    executor = DaskCluster(no_worker.address)
    assert executor.workers == 1
    assert len(set(executor.run(jobs.process, range(4), ignore))) == 1


class TestWhatCannotWork:
    def test_no_scheduler(self, monkeypatch):
        monkeypatch.setattr(dl4ia.execution.cluster, "_PATIENCE", 1)
        with pytest.raises(RunError, match=r"^the scheduler at tcp://127.0.0.1:9 does not answer: see that it runs"):
            DaskCluster("tcp://127.0.0.1:9")

    def test_an_address_that_is_none(self):
        with pytest.raises(RunError, match=r"^scheduler 'http//somewhere': expected an address such as tcp://"):
            DaskCluster("http//somewhere")

    def test_an_address_that_is_none_leaves_no_connection_that_the_next_one_waits_for(self, no_worker, monkeypatch):
        """Dask closes a connection when it is freed: in the thread that starts the next one, both would wait."""
        start = distributed.utils.asyncio_run

        def free_first(*args, **options):
            gc.collect()
            return start(*args, **options)

        with pytest.raises(RunError, match="expected an address"):
            DaskCluster("http//somewhere")
        monkeypatch.setattr(distributed.utils, "asyncio_run", free_first)
        with pytest.raises(RunError, match="^no worker has joined"):
            DaskCluster(no_worker.address)

    def test_no_worker(self, no_worker):
        with pytest.raises(RunError, match=r"^no worker has joined the scheduler at tcp://.*: `dask worker tcp://"):
            DaskCluster(no_worker.address)

    @pytest.mark.slow
    def test_a_worker_in_another_folder(self, no_worker, tmp_path):
        no_worker.add_workers(1, folder=tmp_path)
        with pytest.raises(
            RunError, match=r"^worker tcp://.*: it does not see this folder: change to the working copy"
        ):
            DaskCluster(no_worker.address)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("options", "what"), [(["--nthreads", "2"], "2 threads"), (["--resources", "GPU=2"], "2 GPUs")]
    )
    def test_a_worker_that_would_run_two_jobs_at_once(self, no_worker, options, what):
        no_worker.add_workers(1, *options)
        message = rf"^worker tcp://.*: it has {what}, and each job needs a process of its own: start one worker for"
        with pytest.raises(RunError, match=message):
            DaskCluster(no_worker.address)

    @pytest.mark.slow
    def test_a_folder_that_cannot_be_written_to(self, two_workers, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "out").touch()
        with pytest.raises(RunError, match=r"^out: cannot be written to \(File exists\): make it a folder of yours$"):
            DaskCluster(two_workers.address)

    @pytest.mark.slow
    def test_a_worker_with_other_code(self, no_worker, tmp_path):
        shutil.copytree(ROOT / "src" / "dl4ia", tmp_path / "dl4ia")
        with (tmp_path / "dl4ia" / "training" / "loop.py").open("a") as file:
            file.write("# edited\n")
        no_worker.add_workers(1, PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
        with pytest.raises(RunError, match=r"^worker tcp://.*: it has other code than this command: use the same"):
            DaskCluster(no_worker.address)

    @pytest.mark.slow
    def test_a_worker_with_another_python(self, no_worker, tmp_path):
        no_worker.add_workers(1, PYTHONPATH=os.pathsep.join([old_python(tmp_path), *filter(None, sys.path)]))
        with pytest.raises(RunError, match=r"^worker tcp://.*: it has Python 3\.9\.1, and this command 3\."):
            DaskCluster(no_worker.address)

    @pytest.mark.slow
    def test_a_scheduler_with_another_python(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(old_python(tmp_path))
        with cluster(ROOT) as started:
            monkeypatch.undo()
            started.add_workers(1)
            with pytest.raises(RunError, match=r"^the scheduler: it has Python 3\.9\.1, and this command 3\."):
                DaskCluster(started.address)

    @pytest.mark.slow
    def test_a_worker_without_the_project(self, no_worker, tmp_path):
        (tmp_path / "dl4ia").mkdir()
        (tmp_path / "dl4ia" / "__init__.py").write_text("raise ImportError('no such project')\n")
        no_worker.add_workers(1, PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
        with pytest.raises(RunError, match=r"^worker tcp://.*: it fails to import the project \(.*use the environment"):
            DaskCluster(no_worker.address)


@pytest.mark.parametrize(("by_command", "sent"), [(True, 1), (False, 0)])
def test_a_job_that_begins_on_a_worker_that_ends_is_given_to_another_one(monkeypatch, by_command, sent):
    messages = []

    class Stop(nullcontext):
        def asked(self):
            return True

    stop, queue = Stop(), SimpleNamespace(put=messages.append)
    stop.by_command = by_command
    monkeypatch.setattr(dl4ia.execution.cluster, "_Stop", lambda _: stop)
    monkeypatch.setattr(dl4ia.execution.cluster, "Queue", lambda _: queue)
    monkeypatch.setattr(dl4ia.execution.cluster, "Event", lambda _: None)
    with nullcontext() if by_command else pytest.raises(Reschedule):
        _perform("name", 0, b"", dl4ia.execution.cluster._CODE)
    assert len(messages) == sent
