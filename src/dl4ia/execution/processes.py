"""Which process this is, whether another one still runs, and what ends together with DVC."""

import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_CLOCK_CHANGE = 60  # seconds that a clock may be set by while a process runs; the start of a process is read from it
_PAUSE = 0.2  # seconds between two looks at whether a process still runs
_WORDS = 3  # of a command line, which name its program: python -m dvc


def this_process() -> str:
    """Return `host/pid/start` of this process, which together identify it."""
    process = psutil.Process()
    return f"{platform.node()}/{process.pid}/{process.create_time():.2f}"


def is_gone(process: str) -> bool:
    """Return whether a process identified by `this_process` has ended.

    False where this cannot be known: for a process of another host, one that may not be inspected, or another format.
    """
    try:
        host, pid, started = process.split("/")
        if host != platform.node():
            return False
        current = psutil.Process(int(pid))
        return abs(current.create_time() - float(started)) > _CLOCK_CHANGE or _has_ended(current)
    except psutil.NoSuchProcess:
        return True
    except (psutil.AccessDenied, ValueError):
        return False


def end_with_dvc() -> None:
    """Send this process SIGTERM when the `dvc` that runs it, if any, has ended: its next stage would compute the same.

    DVC itself leaves its stages alone when it is killed.
    """
    dvc = next((process for process in _ancestors() if _is_dvc(process)), None)
    if dvc is None:
        return

    def watch() -> None:
        while not _has_ended(dvc):
            time.sleep(_PAUSE)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _ancestors() -> Iterator[psutil.Process]:
    """Yield parent, grandparent and so on, as far as they may be inspected."""
    with suppress(psutil.Error):
        process = psutil.Process().parent()
        while process is not None:
            yield process
            process = process.parent()


def _is_dvc(process: psutil.Process) -> bool:
    """Return whether a process runs DVC; False for one that may not be inspected."""
    with suppress(psutil.Error):
        return any(Path(word).name == "dvc" for word in process.cmdline()[:_WORDS])
    return False


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended, or is a zombie that nobody has waited for."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:  # it runs, on behalf of somebody else
        return False
    except psutil.NoSuchProcess:
        return True
