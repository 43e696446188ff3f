"""Work for the executors' tests; workers import this module, which imports nothing heavy."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from dl4ia.base.errors import DataError, StoppedError
from dl4ia.execution.processes import this_process

DEADLINE = 60  # seconds until something that should happen is given up


class SlowToPickle:
    def __reduce__(self):
        time.sleep(0.4)
        return SlowToPickle, ()


class UnpicklableError(Exception):
    def __init__(self, left, right):
        super().__init__(f"{left} and {right}")


class Meeting(NamedTuple):
    folder: Path
    members: int


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def wait_for_stop(context):
    wait_until(context.stopping)


def double(job, context):
    return job * 2


def process(job, context):
    return os.getpid()


def period(job, context):
    started = time.monotonic()
    time.sleep(0.1)
    return started, time.monotonic()


def meet(meeting, context):
    (meeting.folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(meeting.folder.iterdir())) == meeting.members)


def surroundings(name, context):
    return os.environ.get(name), str(Path.cwd()), sys.path[0]


def count_up(job, context):
    for number in range(job):
        context.emit((job, number))


def emit_last_moment(job, context):
    context.emit(SlowToPickle())


def emit(job, context):
    context.emit(job())


def result(job, context):
    return job()


def fail(job, context):
    job()


def raise_data_error():
    raise DataError("images.npz: truncated, download it again")


def raise_unpicklable_error():
    raise UnpicklableError("this", "that")


def make_lambda():
    return lambda: None


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    sys.exit(3)


def fail_beside_others(job, context):
    """Fail if there is something to call; otherwise save something when asked to stop."""
    if job:
        job()
    wait_for_stop(context)
    context.emit("saved")


def announce_and_wait(job, context):
    context.emit("started")
    wait_for_stop(context)
    context.emit("saved")


def stop_with_error(job, context):
    context.emit("started")
    wait_for_stop(context)
    raise StoppedError


def fail_while_stopping(job, context):
    context.emit("started")
    wait_for_stop(context)
    raise_data_error()


def linger(path, context):
    """Ignore that it should stop."""
    Path(path).write_text(this_process())
    context.emit("started")
    time.sleep(DEADLINE)


def linger_until_stopped(path, context):
    Path(path).write_text(this_process())
    context.emit("started")
    wait_for_stop(context)


def be_killed_at_first(path, context):
    """Take this process along at the first attempt; return the attempt."""
    attempts = Path(path)
    attempts.write_text(f"{attempts.read_text() if attempts.exists() else ''}x")
    if attempts.read_text() == "x":
        context.emit("started")
        be_killed()
    return len(attempts.read_text())


def note_stop(path, context):
    """Write to a file once this should stop."""
    context.emit("started")
    wait_for_stop(context)
    Path(path).write_text("stopped")


def stop_at_first(path, context):
    """At the first attempt, stop once this should, as a training does; return what the attempt came to."""
    attempts = Path(path)
    with attempts.open("a") as file:
        file.write("x")
    if attempts.read_text() != "x":
        return "finished"
    context.emit(os.getppid())
    wait_for_stop(context)
    return "stopped"


def fail_at_first(path, context):
    """The same with an exception, as a trial does."""
    if stop_at_first(path, context) == "stopped":
        raise StoppedError("stopped")
    return "finished"
