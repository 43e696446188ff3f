"""What a training step costs: batch, forward, loss, backward and optimizer, for a variant of each kind of network.

`python -m benchmarks.step --revision 55ad3a9`, from the project's root, with the images in out/dataset, on a machine
with nothing else to do; three minutes. A step is measured beside the same step in an earlier revision, beside a plain
loop over a `DataLoader` with the report's layers, and as a share of the float32 peak, which is what a large matrix
product reaches. All take turns in each round, in processes that stay; times are medians, and so are the ratios of two
times of a round.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from dl4ia import config
from dl4ia.runs.layout import Layout

ROOT = Path(__file__).parents[1]
TITLES = ("ms", "GFLOP", "GFLOP/s", "of peak", "before", "ratio", "plain loop", "ratio")
Ask = Callable[..., float]


def main() -> None:
    """Print a table for each number of threads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--revision", help="the earlier revision")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.revision:
            archive = subprocess.check_output(["git", "archive", options.revision], cwd=ROOT)  # noqa: S603, S607
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(folder, filter="data")
        for threads in options.threads:
            with ExitStack() as processes:
                now = processes.enter_context(_process(ROOT, threads))
                before = processes.enter_context(_process(Path(folder), threads)) if options.revision else None
                _print_table(now, before, threads, options.rounds)


@contextmanager
def _process(folder: Path, threads: int) -> Iterator[Ask]:
    """Start a process that measures the code in a folder when asked to; see `benchmarks/measured_step.py`."""
    command = [sys.executable, "-P", str(ROOT / "benchmarks/measured_step.py"), str(threads)]
    environment, pipe = os.environ | {"PYTHONPATH": str(folder / "src")}, subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        assert process.stdin
        assert process.stdout
        questions, answers = process.stdin, process.stdout

        def ask(*question: object) -> float:
            print(*question, file=questions, flush=True)
            return float(answers.readline())

        yield ask
        questions.close()


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
    main()
