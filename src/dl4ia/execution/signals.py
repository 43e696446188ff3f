"""How a command is stopped: Ctrl-C or SIGTERM once stops it in good order, a second time at once."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_EXIT = 128  # a shell's exit code of a signal is this and its number
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal that asks the command to end; `code` is what the command then exits with.

    No KeyboardInterrupt: libraries make something else of that, such as Typer, whose commands would end as if all were
    done.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = _EXIT + number


def raise_on_signals() -> None:
    """From now on, raise Interrupted in the main thread when this process is asked to end."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    for number in _STOP_SIGNALS:
        signal.signal(number, interrupt)


@contextmanager
def stopping_in_order(ask_to_stop: Callable[[], None]) -> Iterator[list[Interrupted]]:
    """While this lasts, let the first signal call `ask_to_stop` and append Interrupted to the list yielded.

    Nothing is raised: the work under way comes to its own end. The second signal ends this process and its children
    at once.
    """
    received: list[Interrupted] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if received:
            _kill_children()
            os._exit(_EXIT + number)
        received.append(Interrupted(number))
        ask_to_stop()

    before = {number: signal.signal(number, handle) for number in _STOP_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def block_signals() -> Iterator[None]:
    """Block signals that ask this process to end, in this thread and for good in the children that it starts now.

    Another thread may still receive what is sent to this process; what is sent to this thread comes afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()
