"""The stages: each reads its parameters, calls dl4ia and writes its outputs."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

if sys.argv[0] == "-m":  # a stage that still imports what it needs has nothing to tidy up
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dl4ia.cli import ending_in_one_line
from dl4ia.interrupts import end_with

_WORDS = 3  # of a command line, in which its program is named: python -m dvc


def stage(main: Callable[..., None]) -> None:
    """Run a stage with the command line's words; what its maker can mend ends in one line and exit code 1.

    A stage of a `dvc repro` that was killed stops: the next one would find two at work.
    """
    if dvc := _dvc():
        end_with(dvc)
    ending_in_one_line(lambda: main(*sys.argv[1:]))


def _dvc() -> psutil.Process | None:
    """Return the process of DVC that runs this stage, through a shell or not."""
    try:
        starts = [(process, process.cmdline()[:_WORDS]) for process in psutil.Process().parents()]
    except psutil.Error:  # of those that run for somebody else, nothing may be known
        return None
    return next((process for process, words in starts if any(Path(word).name == "dvc" for word in words)), None)
