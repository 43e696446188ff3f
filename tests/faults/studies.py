"""A small study of small crops of the drawn glands, run from here or from worker processes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dl4ia import config
from dl4ia.config import OnSplit, Study
from dl4ia.data.imageset import ImageSet
from dl4ia.execution.executor import Context, Executor
from dl4ia.runs.layout import Layout
from dl4ia.search.run import SearchProgress, run_study
from dl4ia.search.storage import default_url
from tests.conftest import ROOT
from tests.runs.inline import Inline
from tests.workspaces import Workspace

NAME, TRIALS = "lambda", 5
_SIDE = 32  # pixels


def make(base: Path, root: Path) -> Workspace:
    """Return a workspace with crops of the training images of `base`, in which nothing has been searched."""
    workspace, strategy = Workspace(root), _study().objective.strategy
    images = ImageSet.load(Layout(base).dataset("warwick", "train"))
    crops = replace(images, images=images.images[:, :, :_SIDE, :_SIDE], targets=images.targets[:, :_SIDE, :_SIDE])
    crops.save(workspace.layout.dataset("warwick", "train"))
    split = workspace.layout.split("warwick", strategy)
    split.parent.mkdir(parents=True)
    split.write_bytes(Layout(base).split("warwick", strategy).read_bytes())
    return workspace


def _study() -> Study:
    """Return the first points of a grid, each of which takes a moment."""
    study = config.load(ROOT / "params.yaml", ROOT / "tests").study(NAME)
    short = {"objective": OnSplit(kind="split", strategy="random"), "iterations": 2, "evaluate_every": 1}
    return study.model_copy(update=short | {"trials": TRIALS})


def ignore(_progress: SearchProgress) -> None:
    """Observe nothing."""


def search(layout: Layout, executor: Executor, observe: Callable[[SearchProgress], None] = ignore) -> None:
    """Run the study, or continue it."""
    run_study(NAME, _study(), layout, default_url(layout), executor, observe, "cpu")


def search_alone(root: Path, _context: Context) -> None:
    """Run the study in a worker process, without workers of its own."""
    search(Layout(root), Inline())
