"""The stages: each reads its parameters, calls dl4ia and writes its outputs."""

import os
import signal
import sys
from collections.abc import Callable

if sys.argv[0] == "-m":  # a stage that still imports what it needs has nothing to tidy up
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dl4ia.cli import ending_in_one_line
from dl4ia.interrupts import end_with_parent


def stage(main: Callable[..., None]) -> None:
    """Run a stage with the command line's words; what its maker can mend ends in one line and exit code 1.

    A stage of a `dvc repro` that was killed stops: the next one would find two at work.
    """
    if "DVC_STAGE" in os.environ:
        end_with_parent()
    ending_in_one_line(lambda: main(*sys.argv[1:]))
