"""What a training step costs: batch, forward, loss, backward and optimizer, for a variant of each kind of network.

`python -m benchmarks.step --revision 55ad3a9`, from the project's root, with the images in out/dataset, on a machine
with nothing else to do; three minutes. A step is measured beside the same step in an earlier revision, beside a plain
loop over a `DataLoader` with the report's layers, and as a share of the float32 peak, which is what a large matrix
product reaches. All take turns in each round, in processes that stay; times are medians, and so are the ratios of two
times of a round.
"""

import argparse
import os
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from statistics import median

from benchmarks.revisions import ROOT, Ask, answering, checked_out
from dl4ia import config
from dl4ia.base.errors import UserError
from dl4ia.runs.layout import Layout

TITLES = ("ms", "GFLOP", "GFLOP/s", "of peak", "before", "ratio", "plain loop", "ratio")
_SCRIPT = "measured_step.py"


def main() -> None:
    """Print a table for each number of threads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--revision", help="the earlier revision")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with checked_out(options.revision) if options.revision else nullcontext() as folder:
        for threads in options.threads:
            with ExitStack() as processes:
                now = processes.enter_context(answering(_SCRIPT, ROOT, threads))
                before = processes.enter_context(answering(_SCRIPT, folder, threads)) if folder else None
                _print_table(now, before, threads, options.rounds)


def _print_table(now: Ask, before: Ask | None, threads: int, rounds: int) -> None:
    questions = _one_variant_of_each_kind()
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in questions}
    peaks = []
    for _ in range(rounds):
        peaks.append(now("peak"))
        for name, question in questions.items():
            earlier = before("step", *question) if before else 0.0
            times[name].append((now("step", *question), earlier, now("plain", *question)))
    print(f"\n{threads} thread(s), float32 peak {median(peaks) / 1e9:.0f} GFLOP/s")
    print(f"{'':24}" + "".join(map("{:>11}".format, TITLES)))
    for name, rows in times.items():
        operations = now("operations", *questions[name])
        print(f"{name:24}" + "".join(map("{:>11}".format, _cells(rows, operations, median(peaks)))))


def _one_variant_of_each_kind() -> dict[str, tuple[str, Path]]:
    """Return names of variants, each with itself and the file of its images."""
    first: dict[str, tuple[str, Path]] = {}
    for name, variant in config.load(ROOT / "params.yaml", ROOT).variants.items():
        first.setdefault(variant.settings.network.kind, (name, Layout(ROOT).dataset(variant.task, "train")))
    return {name: (name, path) for name, path in first.values()}


def _cells(rows: list[tuple[float, float, float]], operations: float, peak: float) -> list[str]:
    """Return the cells of a row, from the times of a step: now, before (0: no such variant) and of the plain loop."""
    now = median(row[0] for row in rows)
    speed = operations / now
    cells = [f"{1e3 * now:.2f}", f"{operations / 1e9:.3f}", f"{speed / 1e9:.1f}", f"{speed / peak:.0%}"]
    for other in (1, 2):
        measured = all(row[other] for row in rows)
        cells.append(f"{1e3 * median(row[other] for row in rows):.2f}" if measured else "-")
        cells.append(f"{median(row[0] / row[other] for row in rows):.2f}" if measured else "-")
    return cells


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
