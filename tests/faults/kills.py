"""SIGKILL at any moment: trainings, searches, whole reproductions."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.table import Fault
from tests.workspaces import Process, Workspace, alive, differing, family, wait_until

_SLOW_DISK = Path(__file__).parent / "slow_disk"
_ORPHANS = 10  # seconds in which the children of a killed process end
_LOOK = 0.5  # seconds between two looks at which processes there are


@dataclass(frozen=True)
class KillScenario:
    """A command that is killed and started again until it has been killed often enough, and then runs to its end."""

    fault: str
    make: Callable[[Path], Workspace]  # a working copy in which nothing has been done
    command: tuple[str, ...]
    longest: float  # seconds after which it is killed at the latest

    def run(self, folder: Path, kills: int, seed: int) -> Fault:
        """Kill it at random moments, every third time while it writes a checkpoint; compare with an undisturbed run."""
        undisturbed = self.make(folder / "undisturbed")
        undisturbed.run(*self.command)
        chance, killed, number, lost = random.Random(seed), Counter[str](), 0, 0
        while killed.total() < kills:
            workspace = self.make(folder / f"killed-{number}")
            number += 1
            while killed.total() < kills:
                moment = self._kill(workspace, chance, in_a_write=killed.total() % 3 == 0)
                if moment is None:
                    break
                killed[moment] += 1
            workspace.run(*self.command)
            lost += differing(workspace.results(), undisturbed.results())
        note = ", ".join(f"{times} {moment}" for moment, times in killed.most_common())
        return Fault(self.fault, kills, 0 if lost else kills, lost, note)

    def _kill(self, workspace: Workspace, chance: random.Random, *, in_a_write: bool) -> str | None:
        """Start the command and kill it, one of its processes or all; return when, or None if it ended before."""
        old = half_written(workspace)
        variables: dict[str, Any] = slow_disk(workspace, ".checkpoint-") if in_a_write else {}
        process = workspace.start(*self.command, **variables)

        def due() -> bool:
            return process.poll() is not None or bool(in_a_write and half_written(workspace) - old)

        processes = _wait(process, due, 3 * self.longest if in_a_write else chance.uniform(0, self.longest))
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[1]
            return None
        victims = "all" if in_a_write else chance.choice(["all", "the first", "one"])
        with suppress(ProcessLookupError):
            if victims == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid if victims == "the first" else chance.choice(alive(processes)), signal.SIGKILL)
        process.communicate()
        if not process.returncode:
            return None
        assert wait_until(lambda: not alive(processes), _ORPHANS), f"{victims} killed: {alive(processes)} still run"
        return "while a checkpoint was written" if half_written(workspace) - old else "at another moment"


def _wait(process: Process, due: Callable[[], bool], seconds: float) -> set[int]:
    """Wait until it is time to kill, at most for some seconds; return all processes that there were."""
    processes, end = family(process), time.monotonic() + seconds
    while time.monotonic() < end and not due():
        wait_until(due, min(_LOOK, end - time.monotonic()))
        processes |= family(process)
    return processes


def slow_disk(workspace: Workspace, name: str) -> dict[str, str]:
    """Return the environment of a command for which files whose name contains `name` take long to write."""
    return {"PYTHONPATH": f"{_SLOW_DISK}{os.pathsep}{workspace.sources}", "SLOW_FILES": name}


def half_written(workspace: Workspace) -> set[Path]:
    """Return the checkpoints that are being written, or were when their process was killed."""
    return set(workspace.root.glob("out/checkpoints/**/.partial-*.checkpoint-*"))
