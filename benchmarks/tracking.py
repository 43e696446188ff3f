"""What tracking costs a training: none, MLflow's database in this folder, and servers that fail.

`python -m benchmarks.tracking`, from the project's root, on a machine with nothing else to do; half an hour on two
cores. All of it trains the same two seeds of `warwick-start` on the images in out/dataset, in a folder that is
thrown away. Figures are medians over rounds in which all take their turn: the seconds that the trainings take, as
ratios to those without tracking of that round; and, as these vary by a few percent on any machine that others use too,
the CPU time that this process takes meanwhile, which the trainings, in processes of their own, could have had.
"""

import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from joblib import cpu_count

from dl4ia import config
from dl4ia.experiment import experiments
from dl4ia.runs import Layout
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.train import Progress, train_all
from tests.faults.servers import free_port, refusing

ROUNDS, ITERATIONS = 5, 2000
_NAME = "warwick-start"


class Cost(NamedTuple):
    """Seconds."""

    training: float
    mine: float  # of CPU, while it trained
    command: float


def main() -> None:
    """Print the medians."""
    rounds = [dict(_round()) for _ in range(ROUNDS)]
    cores = cpu_count()
    print(f"{_NAME}, 2 seeds, {ITERATIONS} iterations, {ROUNDS} rounds, {cores} cores, medians:")
    for way in rounds[0]:
        training, mine, command = (
            statistics.median(part) for part in zip(*(found[way] for found in rounds), strict=True)
        )
        ratio = statistics.median(found[way].training / found["no tracking"].training - 1 for found in rounds)
        print(
            f"{way}: training {training:.1f} s ({ratio:+.1%}), CPU taken from it {mine:.1f} s, "
            f"the whole command {command:.1f} s"
        )


def _round() -> Iterator[tuple[str, Cost]]:
    """Yield what it costs in each way."""
    with tempfile.TemporaryDirectory() as folder:
        yield "no tracking", _cost(None)
        for way in ("a new database in this folder", "the same when it is there"):
            yield way, _cost(f"sqlite:///{folder}/mlflow.db")
        yield "a server that is down", _cost(f"http://127.0.0.1:{free_port()}")
        for way, seconds in (("a server that refuses", 0), ("a server that refuses after 2 s", 2)):
            with refusing(seconds) as address:
                yield way, _cost(address)


def _cost(address: str | None) -> Cost:
    """Train in a new process, as a stage does: MLflow must be imported there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train, address).result()


def _train(address: str | None) -> Cost:
    """Train with what is tracked there, or without tracking."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        for name in ("dataset", "split"):
            shutil.copytree(Path("out") / name, layout.root / "out" / name)
        variant = config.load().variant(_NAME)
        fewer = {"seeds": (0, 1), "iterations": ITERATIONS, "evaluate_every": ITERATIONS // 50}
        variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=fewer)})
        todo = experiments(_NAME, variant, layout)
        os.environ["MLFLOW_TRACKING_URI"] = address or ""
        started, mine = time.perf_counter(), time.process_time()
        with Live(layout) if address else nullcontext() as live:

            def observe(progress: Progress) -> None:
                if live is not None:
                    live(RunView(progress.experiment))

            runs = train_all(todo, observe)
            mine = time.process_time() - mine
        return Cost(sum(run.status["seconds"] for run in runs), mine, time.perf_counter() - started)


if __name__ == "__main__":
    main()
