"""What tracking costs a training: none, MLflow's database in this folder, and servers that fail.

`python -m benchmarks.tracking`, from the project's root, on a machine with nothing else to do; ten minutes on two
cores. All of it trains the same two seeds of `warwick-start` on the images in out/dataset, in a folder that is thrown
away. Figures are medians over rounds in which all take their turn, as ratios to the training without tracking of that
round.
"""

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dl4ia import config
from dl4ia.experiment import experiments
from dl4ia.runs import Layout
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.train import Progress, train_all

ROUNDS, ITERATIONS = 3, 2000
_NAME = "warwick-start"
_CLOSED = "http://127.0.0.1:9"


def main() -> None:
    """Print the medians."""
    rounds = [dict(_round()) for _ in range(ROUNDS)]
    print(f"{_NAME}, 2 seeds, {ITERATIONS} iterations, {ROUNDS} rounds, medians:")
    for way in rounds[0]:
        training, command = (statistics.median(found[way][part] for found in rounds) for part in (0, 1))
        ratio = statistics.median(found[way][0] / found["no tracking"][0] - 1 for found in rounds)
        print(f"{way}: training {training:.1f} s ({ratio:+.1%}), the whole command {command:.1f} s")


def _round() -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield the seconds of training and of the whole command, in each way."""
    yield "no tracking", _train(tracked=False)
    yield "database in this folder", _train(tracked=True)
    for way, delay in (("a server that refuses", 0), ("a server that refuses after two seconds", 2)):
        with _refusing(delay) as address:
            yield way, _train(tracked=True, address=address)
    yield "a server that is down", _train(tracked=True, address=_CLOSED)


def _train(*, tracked: bool, address: str = "") -> tuple[float, float]:
    os.environ["MLFLOW_TRACKING_URI"] = address
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        for name in ("dataset", "split"):
            shutil.copytree(Path("out") / name, layout.root / "out" / name)
        variant = config.load().variant(_NAME)
        fewer = {"seeds": (0, 1), "iterations": ITERATIONS, "evaluate_every": ITERATIONS // 50}
        variant = variant.model_copy(update={"settings": variant.settings.model_copy(update=fewer)})
        todo = experiments(_NAME, variant, layout)
        started = time.perf_counter()
        with Live(layout) if tracked else nullcontext() as live:

            def observe(progress: Progress) -> None:
                if live is not None:
                    live(RunView(progress.experiment))

            runs = train_all(todo, observe)
        took = time.perf_counter() - started
        return sum(run.status["seconds"] for run in runs), took


@contextmanager
def _refusing(delay: float) -> Iterator[str]:
    """Yield the address of a server that answers 500 to all, after some seconds."""

    class Refuse(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(delay)
            self.send_error(500)

        do_GET = do_POST = do_PATCH = _refuse  # noqa: N815 (as the base class calls them)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main()
