"""Whole commands, with their time and the most memory that one of their processes has."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOK = 0.05  # seconds between two looks at the memory
_TAIL = 1500  # characters of what a command wrote before it failed


@dataclass(frozen=True)
class Ran:
    """What a command took: seconds, and bytes of its largest process."""

    seconds: float
    memory: int


class FailedError(Exception):
    """A command that ended in another code than 0."""


def run(words: Sequence[str], folder: Path = Path()) -> Ran:
    """Run a command of this environment to its end; raises FailedError."""
    here = Path(__file__).parents[2]
    paths = [str(here / "src"), str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PATH": binaries}
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        with subprocess.Popen(words, cwd=folder, env=variables, stdout=log, stderr=log, text=True) as process:  # noqa: S603
            memory = 0
            while process.poll() is None:
                memory = max(memory, _largest(process.pid))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK)
        seconds = time.perf_counter() - started
        if process.returncode:
            log.seek(0)
            raise FailedError(f"{' '.join(words)} ended with {process.returncode}: {log.read()[-_TAIL:]}")
    return Ran(seconds, memory)


def _largest(pid: int) -> int:
    """Return the memory of the largest of a process and all that it started."""
    sizes = [0]
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                sizes.append(each.memory_info().rss)
    return max(sizes)
