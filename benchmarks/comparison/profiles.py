"""Where the time of an iteration goes: `python -m benchmarks.comparison.profiles VARIANT THREADS` prints it as JSON.

A training by `fit_network` is watched by PyTorch's profiler: of each operation the share of the time that it took
itself, without those that it called, and what is left for Python.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module

import torch
from joblib import cpu_count
from torch.profiler import ProfilerActivity, profile

from benchmarks.comparison.problems import PROBLEMS
from dl4ia.execution.worker import set_up_torch

Shares = dict[str, float]
_LISTED = 8  # operations
_WARM_UP = 5  # iterations
REST, PYTHON = "all other operations", "Python, between operations"


def of(names: Iterable[str]) -> dict[str, Shares]:
    """Return the shares of each variant, measured in processes of their own."""
    words = sys.executable, "-m", "benchmarks.comparison.profiles"
    return {
        name: json.loads(subprocess.check_output([*words, name, str(cpu_count())], text=True))  # noqa: S603
        for name in names
    }


def main(name: str, threads: int) -> None:
    """Profile some iterations, and print the shares of the largest operations."""
    set_up_torch(threads)
    problem, ours = PROBLEMS[name], import_module("benchmarks.comparison.contenders.ours")
    profiler, ticks = profile(activities=[ProfilerActivity.CPU]), list[float]()
    ours.train(problem, _WARM_UP + problem.iterations + 2, _watching(profiler, ticks, problem.iterations))
    seconds = ticks[-1] - ticks[0]
    print(json.dumps(_shares(profiler, seconds)))


def _watching(profiler: profile, ticks: list[float], iterations: int) -> Callable[[], None]:
    """Return what to call at the end of each iteration: it profiles so many, after the warm-up."""
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == _WARM_UP:
            profiler.start()
            ticks.append(time.perf_counter())
        if count == _WARM_UP + iterations:
            ticks.append(time.perf_counter())
            profiler.stop()

    return tick


def _shares(profiler: profile, seconds: float) -> Shares:
    times = {event.key: event.self_cpu_time_total / 1e6 / seconds for event in profiler.key_averages()}
    largest = sorted(times, key=lambda key: times[key], reverse=True)[:_LISTED]
    shares = {key.removeprefix("aten::"): times[key] for key in largest}
    operations = sum(times.values())
    return shares | {REST: operations - sum(shares.values()), PYTHON: max(0.0, 1 - operations)}


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1], int(sys.argv[2]))
