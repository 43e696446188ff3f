"""How many seconds a variant takes: `python -m benchmarks.time_to_accuracy mnist-fast mnist-cnn`, on a quiet machine.

Trains each seed alone, with a thread for each core, from the project's root, in a folder that is thrown away; the
variants take their turn. Printed are seconds of training, as in its curves, and the validation score at the end. Every
point of the curves that a variant asks for is part of its time; what comes before the first step (starting Python,
reading the images) is not.
"""

import statistics
import sys
from collections import defaultdict
from dataclasses import replace

from benchmarks.copies import temporary_copy
from dl4ia import config
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.train import experiments, train_all
from dl4ia.tasks import task_of


def main(names: list[str]) -> None:
    """Print one line per run, and one a variant."""
    params = config.load()
    measured = defaultdict[str, list[tuple[float, float]]](list)
    with temporary_copy() as layout:
        of_each = [experiments(params, [name], layout) for name in names]
        for turn in range(max(map(len, of_each))):
            for each in (runs[turn] for runs in of_each if turn < len(runs)):
                train_all([replace(each, device="cpu")], LocalProcesses(), lambda _event: None)
                last = each.run.history().iloc[-1]
                score = float(last[f"validation/{task_of(each.variant.task).metric}"])
                measured[each.name].append((float(last["seconds"]), score))
                print(f"{each.name}, seed {each.seed}: {last['seconds']:.1f} s, {score:.4f}", flush=True)
    for name, runs in measured.items():
        seconds, scores = zip(*runs, strict=True)
        print(
            f"{name}: median {statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}), validation "
            f"{statistics.mean(scores):.4f} ({min(scores):.4f} to {max(scores):.4f}), {len(runs)} seeds"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
