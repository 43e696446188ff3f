"""SIGKILL at any moment: trainings, searches, whole reproductions."""

import os
import random
import signal
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
        chance, killed, number, lost, notes = random.Random(seed), 0, 0, 0, set[str]()
        while killed < kills:
            copy = self.make(folder / f"killed-{number}")
            number += 1
            while killed < kills and self._kill(copy, chance):
                killed += 1
            copy.run(*self.command)
            lost += differing(copy.results(), whole.results())
        note = f"{number} {'time' if number == 1 else 'times'} to the end"
        return Fault(self.fault, killed, killed if not lost else 0, lost, "; ".join([note, *sorted(notes)]))

    def _kill(self, copy: Copy, chance: random.Random) -> bool:
        """Start the command and kill it, or a process of it, or all; return whether that was before it had ended."""
        process = copy.start(*self.command)
        if chance.random() < 0.25:
            wait_until(lambda: _writes(copy) or process.poll() is not None, self.longest)
        else:
            wait_until(lambda: process.poll() is not None, chance.uniform(0, self.longest))
        there = family(process)
        if process.poll() is not None:
            return False
        victims = chance.choice(["all", "the first", "one"])
        try:
            if victims == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid if victims == "the first" else chance.choice(there), signal.SIGKILL)
        except ProcessLookupError:
            return False
        process.communicate()
        assert wait_until(lambda: not alive(there), _ORPHANS), f"{victims} killed: left {alive(there)}"
        return True


def _writes(copy: Copy) -> bool:
    """Say whether a checkpoint is being written just now."""
    return any(copy.root.glob("out/checkpoints/**/.*.checkpoint.*"))
