"""The stages of the demo, each as a command of its own: `python -m benchmarks.comparison.stages STAGE FOLDER`.

They work on the published files in data/, or wherever the download stage finds them, and write into the folder alone.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.comparison.commands import run
from benchmarks.comparison.rows import Row
from dl4ia import config
from dl4ia.demo import PARAMS
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline


def measure() -> Iterator[Row]:
    """Yield what each stage takes, once, with the memory of its largest process, and all together."""
    ran = {}
    with tempfile.TemporaryDirectory() as folder:
        for stage in _work(Path(folder)):
            ran[stage] = run((sys.executable, "-m", "benchmarks.comparison.stages", stage, folder))
            yield Row.of("all", "stage of the demo", stage, [ran[stage].seconds], memory=ran[stage].memory)
    total, largest = sum(each.seconds for each in ran.values()), max(each.memory for each in ran.values())
    yield Row.of("all", "demo", "all stages", [total], memory=largest)


def _work(folder: Path) -> dict[str, Callable[[], None]]:
    """Return what each stage does, in order."""
    layout = Layout(folder)

    def pipeline() -> Pipeline:
        return Pipeline(config.load(PARAMS, folder), layout)

    def search() -> None:
        for study in pipeline().params.studies:
            pipeline().search(study)

    return {
        "download": lambda: pipeline().download(),
        "split": lambda: pipeline().split(),
        "search": search,
        "train": lambda: pipeline().train(list(pipeline().params.variants)),
        "evaluate": lambda: pipeline().evaluate(list(pipeline().params.rows)),
        "report": lambda: pipeline().report(),
        "publish": lambda: pipeline().publish(),
    }


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    _work(Path(sys.argv[2]))[sys.argv[1]]()
