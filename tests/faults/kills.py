"""SIGKILL at any moment: trainings, searches, whole reproductions."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.copies import Copy, alive, differing, family, wait_until
from tests.faults.table import Fault

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
            while killed.total() < kills and (when := self._kill(copy, chance)):
                killed[when] += 1
            copy.run(*self.command)
            lost += differing(copy.results(), whole.results())
        note = ", ".join(f"{times} {when}" for when, times in killed.most_common())
        return Fault(self.fault, kills, 0 if lost else kills, lost, note)

    def _kill(self, copy: Copy, chance: random.Random) -> str | None:
        """Start the command and kill it, or a process of it, or all; return when, or nothing if it had ended before."""
        left, process, when = _half_written(copy), copy.start(*self.command), "at any moment"
        if chance.random() < 0.25:
            wait_until(lambda: bool(_half_written(copy) - left) or process.poll() is not None, self.longest)
            when = "while a checkpoint was written" if _half_written(copy) - left else when
        else:
            wait_until(lambda: process.poll() is not None, chance.uniform(0, self.longest))
        there = family(process)
        if process.poll() is not None:
            return None
        victims = chance.choice(["all", "the first", "one"])
        try:
            if victims == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid if victims == "the first" else chance.choice(there), signal.SIGKILL)
        except ProcessLookupError:
            return None
        process.communicate()
        assert wait_until(lambda: not alive(there), _ORPHANS), f"{victims} killed: left {alive(there)}"
        return when


def _half_written(copy: Copy) -> set[Path]:
    """Return the checkpoints that are being written, or were when their process was killed."""
    return set(copy.root.glob("out/checkpoints/**/.*.checkpoint.*"))
