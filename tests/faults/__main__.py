"""Everything that can go wrong, inflicted for real: `make torture`, a quarter of an hour on two cores.

Processes are killed, servers stopped, files spoilt; then the same commands are run again, and what they leave is
compared with what an undisturbed run leaves. Prints a table and writes results/faults.csv; exits with 1 if anything was
lost.
"""

import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from dl4ia import config
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import Experiment
from dl4ia.train import train
from tests.conftest import ROOT, shortened
from tests.copies import with_data
from tests.faults import inputs, outages, scenes
from tests.faults.table import Fault, write

KILLS, SEED = 20, 0
_AT_ONCE = 3  # on two cores: one waits, for a server or for a process to start
_DIGITS = "mnist-batch-norm"


def main() -> None:
    """Inflict all."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        base = with_data(there / "base").root
        torments = [scenes.a_reproduction(8), scenes.a_search(base, 20), scenes.a_training(base, 250)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            pending = [pool.submit(outages.inflict, there / "outages", base, 100)]  # the longest, and it waits most
            pending += [
                pool.submit(torment.inflict, there / torment.fault.replace(" ", "-"), KILLS, SEED)
                for torment in torments
            ]
            pending.append(pool.submit(bad_inputs, there / "inputs"))
            faults = [done.result() for done in pending]
    write(faults, ROOT / "results" / "faults.csv")
    print(pd.DataFrame(faults).to_string(index=False))
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(any(fault.survived < fault.tried or fault.points_lost for fault in faults))


def bad_inputs(folder: Path) -> Fault:
    """Spoil every kind of file in every way."""
    layout = with_data(folder)
    variant = shortened(config.load(ROOT / "params.yaml", folder).variant(_DIGITS))
    run = Experiment(_DIGITS, variant, 0, layout)
    train(run, lambda _: None)
    evaluate_variant(_DIGITS, variant, layout)
    chance = random.Random(SEED)
    kinds = inputs.victims(folder, run, 1)
    met = [met for victim in kinds for met in inputs.attack(victim, chance)]
    wrong = [f"{told}: {what}" for told, what in met if what]
    note = "; ".join(wrong) or f"{len(kinds)} kinds of files, each refused in one line or read for what it says"
    return Fault("bad input", len(met), len(met) - len(wrong), 0, note)


if __name__ == "__main__":
    main()
