"""The stages: each reads its parameters, calls dl4ia and writes its outputs."""

import sys
from collections.abc import Callable

from dl4ia.cli import ending_in_one_line


def stage(main: Callable[..., None]) -> None:
    """Run a stage with the command line's words; what its maker can mend ends in one line and exit code 1."""
    ending_in_one_line(lambda: main(*sys.argv[1:]))
