"""Commands of the project: what they print when they fail, called in this process or started as one of their own."""

import signal
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO

import pytest

from dl4ia.cli import ending_in_one_line
from tests.workspaces import Process

_UNTRACKED = "not tracked"  # how the warning starts that MLflow is not available


def failure(run: Callable[[], None]) -> tuple[int, str]:
    """Call what a command calls, which must fail; return its exit code and the line that it prints to stderr."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    printed = StringIO()
    try:
        with redirect_stderr(printed), pytest.raises(SystemExit) as ended:
            ending_in_one_line(run)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    code = ended.value.code
    lines = [*printed.getvalue().splitlines(), *(code.splitlines() if isinstance(code, str) else ())]
    assert len(lines) == 1, lines
    return code if isinstance(code, int) else 1, lines[0]


def errors_of(process: Process, seconds: float = 120) -> list[str]:
    """Wait for a command; return what it printed to stderr, but for the warning that it was not tracked."""
    lines = process.communicate(timeout=seconds)[1].splitlines()
    return [line for line in lines if not line.startswith(_UNTRACKED)]
