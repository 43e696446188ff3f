"""The stages of the pipeline, as commands of their own: `python -m benchmarks.comparison.stages WHICH STAGE FOLDER`.

`demo` are those of `make demo`; `repro` are those of `make repro`, whose trainings are cut short: what their processes
need of memory does not depend on how long they train. Both work on the published files in data/, or wherever the
download stage finds them, and write into the folder alone.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pandas as pd
from joblib import cpu_count

from benchmarks.comparison.commands import Ran, run
from benchmarks.comparison.rows import Row
from dl4ia import config
from dl4ia.config import Params, Study, Variant
from dl4ia.config.variants import REPORT
from dl4ia.demo import PARAMS
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline

_ITERATIONS: Final = 20
_SEEDS, _TRIALS = 2, 2
_REPRO = f"stage of make repro, two seeds or trials of {_ITERATIONS} iterations"
_RECORDED = "make repro, by the records of its trainings"


def measure() -> Iterator[Row]:
    """Yield what each stage takes, once, with the memory of its largest process; the demo's also all together."""
    demo = {}
    for stage, ran in _measured("demo"):
        demo[stage] = ran
        yield Row.of("all", "stage of the demo", stage, [ran.seconds], memory=ran.memory)
    total, largest = sum(each.seconds for each in demo.values()), max(each.memory for each in demo.values())
    yield Row.of("all", "demo", "all stages", [total], memory=largest)
    for stage, ran in _measured("repro"):
        yield Row.of("all", _REPRO, stage, [ran.seconds], memory=ran.memory)
    yield from recorded(config.load(), Path("results"))


def recorded(params: Params, results: Path) -> Iterator[Row]:
    """Yield what the experiments of the report take on all cores of this machine, by the records in `results`.

    Trainings on a GPU say nothing of that, and are left out.
    """
    runs, trials = pd.read_csv(results / "runs.csv"), pd.read_csv(results / "trials.csv")
    runs = runs[runs["variant"].isin(_of_report(params.variants)) & (runs["device"] == "cpu")]
    trials = trials[trials["study"].isin(_of_report(params.studies))]
    busy = {"search": trials["seconds"], "train": runs["seconds"] * runs["threads"]}
    for stage, seconds in busy.items():
        yield _total(stage, seconds)
    yield _total("search and train", pd.concat(busy.values()))


def _total(stage: str, busy: "pd.Series[float]") -> Row:
    """Return the row of a stage whose trainings keep one core busy for so many seconds each."""
    seconds = float(busy.sum()) / cpu_count()
    return Row("all", _RECORDED, stage, seconds, seconds, seconds)


def _measured(which: str) -> Iterator[tuple[str, Ran]]:
    with tempfile.TemporaryDirectory() as folder:
        for stage in _work(which, Path(folder)):
            yield stage, run((sys.executable, "-m", "benchmarks.comparison.stages", which, stage, folder))


def _work(which: str, folder: Path) -> dict[str, Callable[[], None]]:
    """Return what each stage does, in order."""
    layout = Layout(folder)

    def pipeline() -> Pipeline:
        return Pipeline(config.load(PARAMS, folder) if which == "demo" else shortened(config.load()), layout)

    def search() -> None:
        for study in pipeline().params.studies:
            pipeline().search(study)

    def report() -> None:
        if which == "demo":
            pipeline().report()
        else:  # of all that was found: it takes the same however short the trainings
            committed = Layout(folder / "committed")
            shutil.copytree("results", committed.results)
            Pipeline(config.load(), committed).report()

    return {
        "download": lambda: pipeline().download(),
        "split": lambda: pipeline().split(),
        "search": search,
        "train": lambda: pipeline().train(list(pipeline().params.variants)),
        "evaluate": lambda: pipeline().evaluate(list(pipeline().params.rows)),
        "report": report,
        "publish": lambda: pipeline().publish(),
    }


def shortened(params: Params) -> Params:
    """Return the experiments of the report alone, of few seeds, trials and iterations."""
    variants = {name: _short_variant(params.variants[name]) for name in _of_report(params.variants)}
    studies = {name: _short_study(params.studies[name]) for name in _of_report(params.studies)}
    return params.model_copy(update={"variants": variants, "studies": studies, "ensembles": {}, "champions": {}})


def _of_report(rows: "dict[str, Variant] | dict[str, Study]") -> list[str]:
    return [name for name, row in rows.items() if row.group == REPORT]


def _short_variant(variant: Variant) -> Variant:
    short = {"seeds": tuple(range(_SEEDS)), "iterations": _ITERATIONS, "evaluate_every": _ITERATIONS}
    return variant.model_copy(update={"settings": variant.settings.model_copy(update=short), "compared_with": ()})


def _short_study(study: Study) -> Study:
    short = {"iterations": _ITERATIONS, "evaluate_every": _ITERATIONS}
    return study.with_trials(_TRIALS).model_copy(update=short)


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    _work(sys.argv[1], Path(sys.argv[3]))[sys.argv[2]]()
