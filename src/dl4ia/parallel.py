"""Where work runs: processes side by side, each with its own pinned threads."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from joblib import cpu_count

from dl4ia.errors import RunError
from dl4ia.interrupts import asking_first, deaf, end_children

Job = TypeVar("Job")
Result = TypeVar("Result")
Emit = Callable[[Any], None]

_LISTEN = 0.1  # seconds between two looks at whether all work is done


def waves(jobs: Sequence[Job], cores: int) -> Iterator[tuple[Sequence[Job], int]]:
    """Divide equal jobs into waves that fill all cores, each with the number of threads that one of its jobs gets.

    Never more threads than cores at once: that makes every one of them many times slower.
    """
    for start in range(0, len(jobs), cores):
        wave = jobs[start : start + cores]
        yield wave, cores // len(wave)


def run_side_by_side(
    work: Callable[[Job, Emit], Result], jobs: Sequence[Job], on_event: Emit, *, one_thread_each: bool = False
) -> list[Result]:
    """Call `work(job, emit)` for each job in worker processes; return the results in the order of `jobs`.

    What a worker emits is handed to `on_event` in this process. Raises the first exception of a job after its wave is
    done, and RunError if a worker process died. A worker ends with this process, however that ends. When this process
    is interrupted, `stopping` becomes true in the workers; that is raised again when they are done.
    """
    cores = cpu_count()
    context = multiprocessing.get_context("spawn")  # a forked child inherits locked threads and a dead CUDA context
    events: Any = context.Queue()
    stop = context.RawValue("b", 0)  # and no Event: a worker that is killed while it looks would leave it locked
    results = []

    def ask() -> None:
        stop.value = 1

    with (
        ProcessPoolExecutor(min(cores, len(jobs)), context, _set_up, (events, stop)) as pool,
        asking_first(ask) as interrupted,
    ):
        for wave, threads in waves(jobs, cores):
            with deaf():  # as the workers then are from their first moment on
                futures = [pool.submit(_call, work, job, 1 if one_thread_each else threads) for job in wave]
            while not all(future.done() for future in futures):
                _hear(events, on_event)
            _hear(events, on_event)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in futures):
                end_children()  # they do not hear when the pool asks them to
            if interrupted:
                raise interrupted[0]
            results += [_result(future) for future in futures]
    return results


def stopping() -> bool:
    """Say whether the work of this worker process is asked to stop."""
    return _stop is not None and bool(_stop.value)


def _hear(events: Any, on_event: Emit) -> None:  # noqa: ANN401 (a queue of the context's own type)
    """Hand on what has been emitted, until there is nothing for a moment."""
    try:
        while True:
            on_event(events.get(timeout=_LISTEN))
    except queue.Empty:
        return


def _result(future: "Future[Result]") -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise RunError("a worker process was killed, perhaps for want of memory: free some and run again") from error


_events: Any = None  # in a worker: the way back to the process that started it
_stop: Any = None  # and what that one asks


def _set_up(events: Any, stop: Any) -> None:  # noqa: ANN401
    global _events, _stop
    _events, _stop = events, stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait until the process that started this one is gone, and go too: nobody reads what comes of it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(work: Callable[[Job, Emit], Result], job: Job, threads: int) -> Result:
    import torch  # noqa: PLC0415 (only workers need it)

    torch.set_num_threads(threads)
    return work(job, _events.put)
