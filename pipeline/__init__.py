"""The stages of dvc.yaml, a script each: `python -m pipeline.STAGE` is `dl4ia STAGE`, and ends together with DVC.

The library is that beside this folder, whichever one is installed: in the copies that DVC makes for experiments, in
worktrees and in other clones that share an environment, a stage runs the code that it is recorded with.
"""

import signal
import sys
from pathlib import Path

if sys.argv[0] == "-m":  # interrupted before there is anything to save: end without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from dl4ia.cli import main
from dl4ia.execution.processes import end_with_dvc


def stage(name: str) -> None:
    """Run a stage with the words of the command line."""
    end_with_dvc()
    main(name, *sys.argv[1:])
