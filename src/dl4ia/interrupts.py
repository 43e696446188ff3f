"""How a command is stopped: Ctrl-C or SIGTERM once stops it in good order, a second time at once."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

_EXIT = 128  # a shell's exit code of a signal is this and its number
_LOOK = 0.2  # seconds between two looks at whether a process is there
_ASKED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal that asks the command to end; `code` is what it exits with."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = _EXIT + number


def listen() -> None:
    """Raise Interrupted in the main thread when this process is asked to end."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    for number in _ASKED:
        signal.signal(number, interrupt)


@contextmanager
def asking_first(ask: Callable[[], None]) -> Iterator[list[Interrupted]]:
    """While this lasts, call `ask` and note it in the list that is yielded, instead of raising Interrupted.

    The second time this process and its children end at once.
    """
    noted: list[Interrupted] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if noted:
            end_children()
            os._exit(_EXIT + number)
        noted.append(Interrupted(number))
        ask()

    before = {number: signal.signal(number, note) for number in _ASKED}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_children() -> None:
    """End the worker processes of this one at once."""
    for child in multiprocessing.active_children():
        child.kill()


@contextmanager
def deaf() -> Iterator[None]:
    """Hold back what asks this process to end; children that are started now never hear it, only what we tell them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(process: psutil.Process) -> None:
    """Ask this process to end when that one is gone, which is no longer waiting for what comes of it."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
