"""A small study of the drawn glands, run from here or from worker processes."""

from collections.abc import Callable
from pathlib import Path

from dl4ia import config
from dl4ia.config import OnSplit, Study
from dl4ia.execution.executor import Context, Executor
from dl4ia.runs.layout import Layout
from dl4ia.search.run import SearchProgress, run_study
from dl4ia.search.storage import default_url
from tests.conftest import ROOT
from tests.runs.inline import Inline

NAME = "lambda"


def small_study(**changes: object) -> Study:
    """Return the eight points of a grid, each of which takes a moment."""
    short = {"objective": OnSplit(kind="split", strategy="random"), "iterations": 2, "evaluate_every": 1}
    return config.load(ROOT / "params.yaml", ROOT / "tests").study(NAME).model_copy(update=short | changes)


def ignore(_progress: SearchProgress) -> None:
    """Observe nothing."""


def search(layout: Layout, executor: Executor, observe: Callable[[SearchProgress], None] = ignore) -> None:
    """Run the small study, or continue it."""
    run_study(NAME, small_study(), layout, default_url(layout), executor, observe, "cpu")


def search_alone(root: Path, _context: Context) -> None:
    """Run the small study in a worker process, without workers of its own."""
    search(Layout(root), Inline())
