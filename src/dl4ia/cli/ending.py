"""How every command ends: in its result, or in one line and an exit code."""

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from dl4ia.base.errors import UserError
from dl4ia.execution.signals import Interrupted, raise_on_signals

# Optional packages that a command may need, and the extra of this package that installs each.
_EXTRAS = {
    "distributed": "cluster",
    "dvc": "pipeline",
    "mlflow": "tracking",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "optuna": "search",
    "psycopg": "search",
    "sqlalchemy": "search",
    "vl_convert": "pipeline",
}
# Of a path that is none for what is written there: another try would end in the same way.
_MISPLACED = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


def ending_in_one_line(work: Callable[[], None]) -> None:
    """Call `work`; what its user can correct ends in one line and exit code 1, a signal with 128 and its number."""
    raise_on_signals()
    os.environ.pop("MPLBACKEND", None)  # a notebook sets one that need not be installed here: matplotlib would fail
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the terminal lacks a sign, such as ±
    try:
        try:
            work()
        finally:
            print(end="", flush=True)  # noqa: T201 (also where there is no standard output)
    except BrokenPipeError:  # whoever reads the output has seen enough, as in `dl4ia list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Interrupted as interrupted:
        sys.stderr.write(f"stopped by {interrupted}: all that is done is kept, and the same command resumes\n")
        sys.exit(interrupted.code)
    except UserError as error:
        sys.exit(f"error: {error}")
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in _EXTRAS:
            raise
        sys.exit(f"error: {package} is not installed: `pip install 'dl4ia[{_EXTRAS[package]}]'`")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        again = "" if error.errno in _MISPLACED else ": run the same command again"
        sys.exit(f"error: {where}{error.strerror or error}; no file is half-written{again}")


def end_process(code: int) -> NoReturn:
    """End this process; at once if a thread still runs: a tracker that is slow, in C++, would make Python abort."""
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)
