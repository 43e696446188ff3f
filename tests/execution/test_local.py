"""What is particular to local processes: threads, denormal numbers, start and end of workers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest
from joblib import cpu_count

from dl4ia.base.errors import RunError
from dl4ia.execution import local
from dl4ia.execution.local import LocalProcesses, waves
from dl4ia.execution.processes import is_gone
from dl4ia.execution.signals import Interrupted
from tests.execution import jobs, torch_jobs

ROOT = Path(__file__).parents[2]


def ignore(event):
    pass


@pytest.mark.parametrize(
    ("jobs", "cores", "shape"),
    [(3, 2, [(2, 1), (1, 2)]), (4, 2, [(2, 1), (2, 1)]), (3, 16, [(3, 5)]), (1, 1, [(1, 1)]), (5, 4, [(4, 1), (1, 4)])],
)
def test_waves_fill_the_cores_and_never_more(jobs, cores, shape):
    assert [(len(wave), threads) for wave, threads in waves(range(jobs), cores)] == shape


@pytest.mark.field("thatmattlove/hyperglass#356", "more workers than the container has cores")
def test_there_are_as_many_workers_as_cores_unless_a_number_is_given():
    assert LocalProcesses().workers == cpu_count()
    assert LocalProcesses(3).workers == 3


def test_the_jobs_of_a_wave_share_the_cores_as_threads():
    assert LocalProcesses(2).run(torch_jobs.threads, [1, 2, 3], ignore) == [1, 1, 2]


def test_each_job_has_one_thread_where_that_is_asked_for():
    assert LocalProcesses(4, one_thread_each=True).run(torch_jobs.threads, [1, 2], ignore) == [1, 1]


def test_each_job_has_a_process_of_its_own():
    assert len({os.getpid(), *LocalProcesses(2).run(jobs.process, range(3), ignore)}) == 4


def test_a_job_sees_environment_folder_and_path_as_they_are_when_it_is_run(tmp_path, monkeypatch):
    executor = LocalProcesses(2)
    for value in ("first", "second"):
        (tmp_path / value).mkdir()
        monkeypatch.setenv("DL4IA_OF_THIS_TEST", value)
        monkeypatch.chdir(tmp_path / value)
        monkeypatch.syspath_prepend(value)
        expected = (value, str(tmp_path / value), value)
        assert executor.run(jobs.surroundings, ["DL4IA_OF_THIS_TEST"], ignore) == [expected]
    monkeypatch.delenv("DL4IA_OF_THIS_TEST")
    assert executor.run(jobs.surroundings, ["DL4IA_OF_THIS_TEST"], ignore)[0][0] is None


@pytest.mark.parametrize(
    ("death", "reason"),
    [
        (jobs.be_killed, r"was killed \(signal 9\)"),
        (jobs.leave, "ended with exit code 3"),
    ],
)
def test_the_death_of_a_worker_is_an_error_of_one_line_after_the_others_have_stopped(death, reason):
    events = []
    with pytest.raises(RunError, match=f"^a worker process {reason} .*run again$"):
        LocalProcesses(2).run(jobs.fail_beside_others, [death, None], events.append)
    assert events == ["saved"]


@pytest.mark.field("pytorch/pytorch#4737", "iterations become slower and slower on the CPU")
def test_all_threads_of_a_worker_compute_denormal_numbers_as_zero():
    assert torch_jobs.normal_products(None, None) > 0
    assert LocalProcesses(2).run(torch_jobs.normal_products, [None], ignore) == [0]


@pytest.mark.field("pytorch/pytorch#21734", "a convolution is forty times as slow once its weights are denormal")
def test_a_collapsed_network_trains_as_fast_as_a_healthy_one():
    [(healthy, collapsed)] = LocalProcesses(1).run(torch_jobs.seconds_per_step, [None], ignore)
    assert collapsed < 2.2 * healthy  # 3 to 4 times with denormal numbers; the square root of zero is slow itself


@pytest.mark.gpu
def test_workers_can_use_a_gpu():
    assert LocalProcesses(2).run(torch_jobs.sum_on_gpu, [1, 2], ignore) == [10, 10]


# In a folder with a copy of the package, which is first on this script's import path.
WHERE = """
from dl4ia.execution import worker


def where(job, context):
    return worker.__file__
"""
IMPORTER = """
import jobs_of_copy
from dl4ia.execution.local import LocalProcesses

if __name__ == "__main__":
    print(jobs_of_copy.where(None, None), *LocalProcesses(1).run(jobs_of_copy.where, [None], print))
"""


@pytest.mark.slow
def test_workers_load_the_modules_of_the_working_copy_that_starts_them(tmp_path):
    shutil.copytree(ROOT / "src" / "dl4ia", tmp_path / "dl4ia")
    (tmp_path / "jobs_of_copy.py").write_text(WHERE)
    (tmp_path / "importer.py").write_text(IMPORTER)
    command = [sys.executable, tmp_path / "importer.py"]
    output = subprocess.check_output(command, cwd=ROOT, text=True)
    assert output.split() == [str(tmp_path / "dl4ia" / "execution" / "worker.py")] * 2


@contextmanager
def command_running(work, folder):
    """Run a command that does this work twice."""
    arguments = [sys.executable, "-m", "tests.execution.command", work, str(folder)]
    with subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True) as command:
        try:
            yield command
        finally:
            command.kill()


def children(command):
    return psutil.Process(command.pid).children(recursive=True)


def workers(folder):
    return [path.read_text() for path in (folder / "first", folder / "second") if path.exists() and path.read_text()]


def have_ended(processes, folder):
    return all(is_gone(worker) for worker in workers(folder)) and not any(map(runs, processes))


def runs(process):
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.slow
@pytest.mark.field("pytorch/pytorch#8805", "workers and their memory remain after the main process was killed")
def test_a_command_that_only_starts_workers_does_not_load_pytorch_and_they_end_when_it_is_killed(tmp_path):
    with command_running("linger", tmp_path) as command:
        jobs.wait_until(lambda: len(workers(tmp_path)) == 2 and (tmp_path / "modules").exists())
        processes = children(command)
        assert len(processes) >= 4  # two workers, the server that they are forked from, the tracker of resources
        command.kill()
        jobs.wait_until(lambda: have_ended(processes, tmp_path))
    assert "torch" not in (tmp_path / "modules").read_text().splitlines()


@pytest.mark.field("pytorch/pytorch#22924", "Ctrl-C ends in a traceback of every worker")
def test_the_first_signal_does_not_reach_the_workers_and_the_second_ends_all_at_once(tmp_path):
    with command_running("linger", tmp_path) as command:
        jobs.wait_until(lambda: len(workers(tmp_path)) == 2)
        processes = children(command)
        os.killpg(command.pid, signal.SIGINT)  # as a terminal sends it
        time.sleep(0.5)
        assert command.poll() is None
        assert not any(is_gone(worker) for worker in workers(tmp_path))
        os.killpg(command.pid, signal.SIGINT)
        assert command.wait(5) == 128 + signal.SIGINT
        jobs.wait_until(lambda: have_ended(processes, tmp_path))


@pytest.mark.system
@pytest.mark.parametrize("seconds", [0, 1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_while_its_workers_start_ends_in_good_order(tmp_path, seconds, number):
    with command_running("linger_until_stopped", tmp_path) as command:
        jobs.wait_until(lambda: children(command))
        time.sleep(seconds)
        processes = children(command)
        os.killpg(command.pid, number)
        assert command.wait(jobs.DEADLINE) == 128 + number
        assert command.stderr.read() == ""
        jobs.wait_until(lambda: have_ended(processes, tmp_path))


def server():
    """Return the process that this one's workers are forked from."""
    processes = filter(runs, psutil.Process().children())
    return next(process for process in processes if "forkserver" in " ".join(process.cmdline()))


@pytest.mark.system
def test_workers_survive_the_server_that_they_are_forked_from_and_the_next_run_starts_another():
    executor, killed = LocalProcesses(2), []

    def kill_server(event):
        if not killed:
            killed.append(server())
            killed[0].kill()

    assert executor.run(jobs.emit_last_moment, [0, 1], kill_server) == [None, None]
    jobs.wait_until(lambda: not runs(killed[0]))
    assert executor.run(jobs.double, [1, 2], ignore) == [2, 4]


@pytest.mark.system
def test_a_server_that_is_killed_while_it_starts_workers_is_an_error_of_one_line():
    executor = LocalProcesses(2)
    executor.run(jobs.double, [1], ignore)
    process = server()
    process.suspend()
    threading.Timer(0.5, process.kill).start()
    with pytest.raises(RunError, match="^worker processes cannot be started, .*run again$"):
        executor.run(jobs.double, [1, 2], ignore)
    jobs.wait_until(lambda: not runs(process))
    assert executor.run(jobs.double, [1, 2], ignore) == [2, 4]


@pytest.mark.system
def test_where_processes_cannot_be_forked_they_are_spawned(monkeypatch):
    monkeypatch.setattr(local, "_PROCESSES", get_context("spawn"))
    executor, events = LocalProcesses(2), []
    assert executor.run(torch_jobs.threads, [1, 2, 3], ignore) == [1, 1, 2]

    def interrupt(event):
        events.append(event)
        if events == ["started", "started"]:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        executor.run(jobs.announce_and_wait, [0, 1], interrupt)
    assert events == ["started", "started", "saved", "saved"]
