"""A worker process: runs one job, and reports to the process that started it."""

import ctypes
import multiprocessing
import os
import pickle
import platform
import threading
import traceback
from collections.abc import Callable, Mapping
from ctypes import c_byte
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic

from dl4ia.execution.executor import Context, Job, Result

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST_THRESHOLD = 1 << 25  # bytes: the most that mallopt(3) accepts
_KEPT = 1 << 28  # bytes: several times what a step of any network here allocates


@dataclass(frozen=True)
class Assignment(Generic[Job, Result]):
    """A job, and what to run it with."""

    work: Callable[[Job, Context], Result]
    job: Job
    threads: int
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Event:
    """Something that the job emitted."""

    value: Any


@dataclass(frozen=True)
class Done(Generic[Result]):
    """The job returned."""

    result: Result


@dataclass(frozen=True)
class Failed:
    """The job raised an exception."""

    error: Exception


def serve(assignment: Assignment[Job, Result], reports: Connection, stop: c_byte) -> None:
    """Run the job; send each Event it emits, then Done or Failed. `stop` is not zero once the job is asked to stop.

    Reports are sent by the job's own thread: none can be late, and a value that cannot be pickled fails the job.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()  # a fork server's own environment is the one at its start
    os.environ.update(assignment.environment)
    set_up_torch(assignment.threads)
    sending = threading.Lock()

    def send(report: Event | Done[Result] | Failed) -> None:
        try:
            with sending:
                reports.send(report)
        except BrokenPipeError:
            _end()

    context = Context(lambda value: send(Event(value)), lambda: bool(stop.value))
    try:
        send(Done(assignment.work(assignment.job, context)))
    except Exception as error:  # noqa: BLE001 (raised again by the process that started this one)
        send(Failed(picklable(error)))


def set_up_torch(threads: int) -> None:
    """Fix the number of threads, and compute denormal numbers as zero: a collapsed network is full of these slow ones.

    Each thread of a CPU has this setting for itself and passes it on to the threads it starts: it is set before there
    are any.
    """
    _keep_memory()
    import torch  # noqa: PLC0415 (loaded by workers alone, and not again where a fork server has loaded it)

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)


def _keep_memory() -> None:
    """Let the C library keep what is freed for the next step, which needs arrays of the same sizes.

    Without this, glibc hands arrays of a megabyte back to the system, which then clears them page by page for the next
    step: a tenth of a step of the small convolutional network on one thread, and a quarter on two.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)


def _end_with_parent() -> None:
    """Wait until the process that started this one has ended, however, and end too: nobody reads what is computed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _end()


def _end() -> None:
    os._exit(1)


def picklable(error: Exception) -> Exception:
    """Return an exception as it can be raised in another process, with its traceback as a note."""
    error.add_note(f"In a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    except Exception:  # noqa: BLE001 (whatever its class does when it is rebuilt)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
