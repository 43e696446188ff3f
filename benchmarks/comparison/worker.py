"""A process that trains in one way when it is asked to: `python -m benchmarks.comparison.worker WAY PROBLEM THREADS`.

Each line of the standard input asks for one training, and is answered by a line of JSON on the standard output, where
nothing else is written: `seconds` by the clock, `score` of the validation images or null, and `memory`, the most that
the process has had, in bytes; or `missing`, an optional package, or `error`.
"""

import json
import os
import resource
import sys
import time
import traceback
from importlib import import_module

import torch

from benchmarks.comparison.contenders import CONTENDERS, Contender
from benchmarks.comparison.problems import PROBLEMS, Problem
from dl4ia.execution.worker import set_up_torch

_KIB = 1 if sys.platform == "darwin" else 1024  # of the unit of ru_maxrss
_MATRIX, _PRODUCTS = 2048, 5  # rows of the large matrix, and how often it is multiplied


def main(way: str, name: str, threads: int) -> None:
    """Answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print
    contender, problem = CONTENDERS[way], PROBLEMS[name]
    if contender.ours:
        set_up_torch(threads)
    torch.set_num_threads(threads)
    for _ in sys.stdin:
        print(json.dumps(_answer(contender, problem)), file=answers, flush=True)


def _answer(contender: Contender, problem: Problem) -> dict[str, object]:
    try:
        return _trained(contender, problem)
    except ImportError as error:
        return {"missing": f"{error}"}
    except Exception as error:  # noqa: BLE001 (the others are still to be measured)
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def _trained(contender: Contender, problem: Problem) -> dict[str, object]:
    """Train, by the clock from the last iteration of the warm-up on; nothing that ends a training is in it."""
    module = import_module(f"benchmarks.comparison.contenders.{contender.module}")
    count = problem.listed if contender.listed else problem.iterations
    torch.manual_seed(0)
    ticks: list[float] = []
    network = module.train(problem, contender.warm_up + count + 1, lambda: ticks.append(time.perf_counter()))
    seconds = ticks[contender.warm_up + count - 1] - ticks[contender.warm_up - 1]
    answer: dict[str, object] = {
        "seconds": seconds * problem.iterations / count,
        "score": problem.score(network),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
    }
    if hasattr(module, "operations"):
        answer["peak"] = problem.iterations * module.operations(problem) / _peak()
    return answer


def _peak() -> float:
    """Return the operations a second of a large matrix product."""
    matrix = torch.randn(_MATRIX, _MATRIX)
    best = 0.0
    for _ in range(_PRODUCTS):
        started = time.perf_counter()
        matrix @ matrix
        best = max(best, 2 * _MATRIX**3 / (time.perf_counter() - started))
    return best


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
