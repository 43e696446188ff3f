"""A command that only starts workers: `python -m tests.execution.command WORK FOLDER`."""

import sys
from pathlib import Path

from dl4ia.execution.local import LocalProcesses
from dl4ia.execution.signals import Interrupted
from tests.execution import jobs


def main(work, folder):
    def record(event):
        (folder / "modules").write_text("\n".join(sys.modules))

    try:
        LocalProcesses(2).run(getattr(jobs, work), [folder / "first", folder / "second"], record)
    except Interrupted as interrupted:
        sys.exit(interrupted.code)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
