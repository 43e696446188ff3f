"""Everything that can go wrong, done for real: `make torture`.

Processes are killed, servers stopped, files corrupted; then the same commands are run again, and what they leave is
compared with what an undisturbed run leaves. What happened to users of other projects (tests/field/README.md) is tried,
too. Prints a table and writes results/faults.csv; exits with 1 if anything was lost.
"""

import logging
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT
from tests.faults import outages, scenarios
from tests.faults.inputs import outcomes
from tests.faults.prepared import prepare
from tests.faults.table import Fault, write
from tests.faults.targets import TARGETS
from tests.field.cases import tried
from tests.workspaces import with_data

KILLS, SEED = 20, 0
_AT_ONCE = 3  # on two cores: one waits, for a server or for a process to start


def main() -> None:
    """Do all of it."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        faults = [*results(Path(folder), KILLS), tried()]
    write(faults, ROOT / "results" / "faults.csv")
    print(pd.DataFrame(faults).to_string(index=False))
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(any(fault.survived < fault.tried or fault.points_lost for fault in faults))


def results(folder: Path, kills: int) -> list[Fault]:
    """Return what came of every kind of fault, with so many kills of each command."""
    base = with_data(folder / "base").root
    commands = [scenarios.reproduction(8), scenarios.search(base, 20), scenarios.training(base, 250)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pending = [pool.submit(outages.inflict, folder / "outages", base, 100)]  # the longest, and it waits most
        pending += [
            pool.submit(command.run, folder / command.fault.replace(" ", "-"), kills, SEED) for command in commands
        ]
        pending.append(pool.submit(bad_inputs, base, folder / "inputs"))
        return [done.result() for done in pending]


def bad_inputs(base: Path, folder: Path) -> Fault:
    """Corrupt every kind of file in every way."""
    logging.getLogger("dl4ia.training.checkpoint").setLevel(logging.ERROR)  # it reports each bad checkpoint
    prepared, chance = prepare(base, folder), random.Random(SEED)
    tried = [
        (f"{kind}: {description}", fault)
        for kind, target in TARGETS.items()
        for description, fault in outcomes(target(prepared), chance)
    ]
    wrong = [f"{description}: {fault}" for description, fault in tried if fault]
    note = "; ".join(wrong) or f"{len(TARGETS)} kinds of files, each refused in one line or read for what it says"
    return Fault("bad input", len(tried), len(tried) - len(wrong), 0, note)


if __name__ == "__main__":
    main()
