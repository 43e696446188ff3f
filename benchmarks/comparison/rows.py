"""The rows of `results/benchmark.csv`."""

import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from joblib import cpu_count

from dl4ia.base import atomic_files

RESULT = Path("results/benchmark.csv")
_DIGITS = 4  # significant ones


@dataclass(frozen=True)
class Row:
    """What something took: median, smallest and largest of `repeats` values, in seconds.

    `ratio_to_ours` is the median over rounds of the ratio to what this project took in the same round. `accuracy` is
    the validation score at the end, `memory_gb` the most that one process had.
    """

    task: str
    what: str
    contender: str
    median_seconds: float | None = None
    low: float | None = None
    high: float | None = None
    ratio_to_ours: float | None = None
    accuracy: float | None = None
    memory_gb: float | None = None
    repeats: int = 1

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        task: str,
        what: str,
        contender: str,
        seconds: Sequence[float],
        *,
        ours: Sequence[float] | None = None,
        accuracy: float | None = None,
        memory: float | None = None,
    ) -> "Row":
        """Return the row of some repeats, and of ours in the same rounds; `memory` is in bytes."""
        ratio = statistics.median(one / other for one, other in zip(seconds, ours, strict=True)) if ours else None
        gigabytes = None if memory is None else memory / 1e9
        values = statistics.median(seconds), min(seconds), max(seconds)
        return cls(task, what, contender, *values, ratio, accuracy, gigabytes, len(seconds))


def write(rows: Iterable[Row], path: Path = RESULT) -> pd.DataFrame:
    """Write the table, and return it."""
    machine = f"{_processor()}, {cpu_count()} cores, {cpu_count()} threads, PyTorch {torch.__version__.split('+')[0]}"
    table = pd.DataFrame([asdict(row) for row in rows]).assign(machine=machine)
    numbers = table.select_dtypes("float").columns
    table[numbers] = table[numbers].map(lambda value: float(f"{value:.{_DIGITS}g}"))
    atomic_files.write_csv(path, table)
    return table


def _processor() -> str:
    """Return the name of the processor, where the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0].replace(",", "") if names else platform.machine()
