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

from tests.copies import Copy, alive, differing, family, wait_until
from tests.faults.table import Fault

_SLOW_DISK = Path(__file__).parent / "slow_disk"
_ORPHANS = 10  # seconds in which the children of a killed process end


@dataclass
class Torment:
    """A command that is killed and started again until it has been killed often enough, and then left to end."""

    fault: str
    make: Callable[[Path], Copy]  # a copy in which nothing has been done
    command: tuple[str, ...]
    longest: float  # seconds that a life may have

    def inflict(self, folder: Path, kills: int, seed: int) -> Fault:
        """Return what came of it."""
        whole = self.make(folder / "whole")
        whole.run(*self.command)
        chance, killed, number, lost = random.Random(seed), Counter[str](), 0, 0
        while killed.total() < kills:
            copy = self.make(folder / f"killed-{number}")
            number += 1
            while killed.total() < kills and (when := self._kill(copy, chance, in_a_write=killed.total() % 3 == 0)):
                killed[when] += 1
            copy.run(*self.command)
            lost += differing(copy.results(), whole.results())
        note = ", ".join(f"{times} {when}" for when, times in killed.most_common())
        return Fault(self.fault, kills, 0 if lost else kills, lost, note)

    def _kill(self, copy: Copy, chance: random.Random, *, in_a_write: bool) -> str | None:
        """Start the command and kill it, or a process of it, or all; return when, or nothing if it had ended before."""
        left = _half_written(copy)
        sources = f"{_SLOW_DISK}{os.pathsep}{copy.sources}" if in_a_write else copy.sources
        process = copy.start(*self.command, PYTHONPATH=sources)
        there = family(process)
        ends = time.monotonic() + (3 * self.longest if in_a_write else chance.uniform(0, self.longest))

        def due() -> bool:
            return process.poll() is not None or bool(in_a_write and _half_written(copy) - left)

        while time.monotonic() < ends and not due():
            wait_until(due, min(0.5, ends - time.monotonic()))
            there |= family(process)
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[1]
            return None
        victims = "all" if in_a_write else chance.choice(["all", "the first", "one"])
        with suppress(ProcessLookupError):
            if victims == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid if victims == "the first" else chance.choice(alive(there)), signal.SIGKILL)
        process.communicate()
        if not process.returncode:
            return None
        assert wait_until(lambda: not alive(there), _ORPHANS), f"{victims} killed: left {alive(there)}"
        return "while a checkpoint was written" if _half_written(copy) - left else "at another moment"


def _half_written(copy: Copy) -> set[Path]:
    """Return the checkpoints that are being written, or were when their process was killed."""
    return set(copy.root.glob("out/checkpoints/**/.*.checkpoint.*"))
