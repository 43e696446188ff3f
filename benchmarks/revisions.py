"""The code of other revisions, and processes that measure it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dl4ia.equivalence.revisions import write_revision

ROOT = Path(__file__).parents[1]
Ask = Callable[..., float]


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Yield a folder with all files of a revision, which is removed afterwards; raises UserError if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        write_revision(revision, Path(folder))
        yield Path(folder)


@contextmanager
def answering(script: str, folder: Path, threads: int) -> Iterator[Ask]:
    """Start a script of this folder that measures the code in `folder`; yield what asks it for a number.

    The script answers a line of its standard input with a number on its standard output.
    """
    command = [sys.executable, "-P", str(ROOT / "benchmarks" / script), str(threads)]
    environment, pipe = os.environ | {"PYTHONPATH": str(folder / "src")}, subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        assert process.stdin
        assert process.stdout
        questions, answers = process.stdin, process.stdout

        def ask(*question: object) -> float:
            print(*question, file=questions, flush=True)
            return float(answers.readline())

        yield ask
        questions.close()
