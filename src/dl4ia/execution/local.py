"""Local processes side by side, one for each job, each with a fixed number of threads."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from ctypes import c_byte
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, cast

from joblib import cpu_count

from dl4ia.base.errors import RunError, StoppedError
from dl4ia.execution.executor import Context, Emit, Job, Result
from dl4ia.execution.signals import block_signals, stopping_in_order
from dl4ia.execution.worker import Assignment, Done, Event, serve

# Python's own choice, too: on macOS a process cannot be forked safely once system frameworks are loaded.
_PROCESSES = get_context("forkserver") if sys.platform == "linux" else get_context("spawn")
_ADVICE = "perhaps for lack of memory: check the messages above, free some, and run again"


def waves(jobs: Sequence[Job], cores: int) -> Iterator[tuple[Sequence[Job], int]]:
    """Divide equal jobs into waves that fill all cores; yield each with the number of threads that its jobs get.

    Never more threads than cores at once: that makes every one of them many times slower.
    """
    for start in range(0, len(jobs), cores):
        wave = jobs[start : start + cores]
        yield wave, cores // len(wave)


class LocalProcesses:
    """Executor that runs each job in a worker process of this machine; see `Executor`.

    Jobs run in waves of `cores` (default: all that this process may use), which share the cores evenly as threads; with
    `one_thread_each` a job has one thread, however few jobs there are. The number of threads decides a result to the
    last bit. When a job fails, the others of its wave are asked to stop, and later waves are not started. A worker ends
    with this process, however that ends, and does not receive the terminal's Ctrl-C itself.

    On Linux, workers are forked from a server that the first `run` of this process starts, and that has loaded PyTorch
    and the module of `work`. A module must not use CUDA while it is imported: no fork could use it then. Workers have
    the environment, folder and import path of this process at the time of `run`; only what a module reads from the
    environment while it is imported may date from the start of the server. Each worker imports the main module of the
    command again, as `__mp_main__`: keep what that imports at its top cheap.
    """

    def __init__(self, cores: int | None = None, *, one_thread_each: bool = False) -> None:
        self._cores = cores or cpu_count()
        self._one_thread_each = one_thread_each

    @property
    def workers(self) -> int:
        """How many jobs can run at once."""
        return self._cores

    def run(self, work: Callable[[Job, Context], Result], jobs: Sequence[Job], on_event: Emit) -> list[Result]:
        """Call `work(job, context)` for each job in a process of its own; see `Executor.run`."""
        results: list[Result] = []
        stop = _PROCESSES.RawValue("b", 0)  # no Event: a worker that is killed while it looks would leave it locked
        with stopping_in_order(lambda: _set(stop)) as interrupted:
            for wave, threads in waves(jobs, self._cores):
                count = 1 if self._one_thread_each else threads
                results += _run_wave([Assignment(work, job, count, dict(os.environ)) for job in wave], stop, on_event)
                if interrupted:
                    raise interrupted[0]
        return results


def _set(stop: c_byte) -> None:
    stop.value = 1


def _run_wave(assignments: Sequence[Assignment[Job, Result]], stop: c_byte, on_event: Emit) -> list[Result]:
    """Run jobs at the same time. Whatever is raised here, they have been asked to stop before, and are done."""
    prepare(assignments[0].work.__module__)
    wave = _Wave[Result](stop)
    try:
        for number, assignment in enumerate(assignments):
            wave.start(number, assignment)
        return wave.results(on_event)
    except BaseException:
        _set(stop)
        wave.drain()
        raise


def prepare(*work: str) -> None:
    """Start the process that workers are forked from, unless it runs already; it loads PyTorch and the modules `work`.

    That takes seconds of another core: a command that is going to run work can do this first, and load what it needs
    itself meanwhile.
    """
    resource_tracker.ensure_running()  # which unblocks signals where it is the first to start it
    if _forked():
        modules = ["torch", "torch._dynamo", serve.__module__, *work]  # optimizers import torch._dynamo
        _PROCESSES.set_forkserver_preload([name for name in modules if name != "__main__"])
        with block_signals(), _import_path_in_environment():
            forkserver.ensure_running()


@contextmanager
def _import_path_in_environment() -> Iterator[None]:
    """Let a Python that starts now import from where this one does: the server of forks is not given `sys.path`."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _forked() -> bool:
    return _PROCESSES.get_start_method() == "forkserver"


class _Wave(Generic[Result]):
    """The workers that run at the same time, seen from the process that starts them."""

    def __init__(self, stop: c_byte) -> None:
        self._stop = stop
        self._running: dict[Connection, tuple[int, BaseProcess]] = {}
        self._results: dict[int, Result] = {}
        self._faults: list[Exception] = []

    def start(self, number: int, assignment: Assignment[Job, Result]) -> None:
        """Start the worker of the job with this number; raise RunError if the server of forks ends meanwhile."""
        receiver, sender = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=serve, args=(assignment, sender, self._stop))
        blocked = nullcontext() if _forked() else block_signals()  # the server has them blocked, and may start slowly
        try:
            with sender, blocked:  # the worker's copy alone stays open, and closes when the worker ends
                process.start()
        except (EOFError, ConnectionError) as error:
            raise RunError(f"worker processes cannot be started, {_ADVICE}") from error
        self._running[receiver] = number, process

    def results(self, on_event: Emit) -> list[Result]:
        """Wait until all are done, handing events to `on_event`; return the results in order, or raise the first fault.

        Jobs that stopped because they were asked to have no result.
        """
        while self._running:
            for connection in self._ready():
                self._receive(connection, on_event)
        if self._faults:
            raise self._faults[0]
        return [result for _, result in sorted(self._results.items())]

    def drain(self) -> None:
        """Wait until all have ended; drop what they report."""
        while self._running:
            for connection in self._ready():
                try:
                    connection.recv_bytes()
                except (OSError, EOFError):
                    self._join(connection)

    def _ready(self) -> list[Connection]:
        return cast("list[Connection]", wait(list(self._running)))

    def _receive(self, connection: Connection, on_event: Emit) -> None:
        """Receive one report, or the end of a worker that could not send its last."""
        try:
            report = connection.recv()
        except (OSError, EOFError):
            self._fail(_died(self._join(connection)[1]))
            return
        if isinstance(report, Event):
            on_event(report.value)
            return
        number, _ = self._join(connection)
        if isinstance(report, Done):
            self._results[number] = report.result
        elif not (self._stop.value and isinstance(report.error, StoppedError)):
            self._fail(report.error)

    def _fail(self, fault: Exception) -> None:
        _set(self._stop)
        self._faults.append(fault)

    def _join(self, connection: Connection) -> tuple[int, BaseProcess]:
        number, process = self._running.pop(connection)
        process.join()
        connection.close()
        return number, process


def _died(process: BaseProcess) -> RunError:
    code = process.exitcode or 0
    how = f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
    return RunError(f"a worker process {how} before its job was done, {_ADVICE}")
