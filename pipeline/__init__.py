"""The stages of dvc.yaml, a script each: `python -m pipeline.STAGE` is `dl4ia STAGE`, and ends together with DVC."""

import signal
import sys

if sys.argv[0] == "-m":  # interrupted before there is anything to save: end without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dl4ia.cli import main
from dl4ia.execution.processes import end_with_dvc


def stage(name: str) -> None:
    """Run a stage with the words of the command line."""
    end_with_dvc()
    main(name, *sys.argv[1:])
