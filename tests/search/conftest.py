"""Studies that take a moment, on small images of bright disks; there is no test partition."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event

from dl4ia.config import Choices, OnSplit, Params, Study
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, SplitSizes, save_splits
from dl4ia.runs.layout import Layout
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from tests.runs.inline import Inline

_COUNT, _SIDE = 40, 32  # images, pixels
POINT = ["regularization.kind", "regularization.strength"]
Search = Callable[..., StudyDirectory]


def small(study: Study, **changes: object) -> Study:
    """Return a study whose trials take a moment."""
    short = {"objective": OnSplit(kind="split", strategy="random"), "iterations": 2, "evaluate_every": 1}
    return study.model_copy(update=short | changes)


def run(study: Study, layout: Layout, name: str = "study", url: str | None = None, **options: object) -> StudyDirectory:
    """Run a study in this process, unless `executor` says otherwise; return its directory."""
    defaults = {"executor": Inline(), "observe": lambda _: None, "device": "cpu"}
    run_study(name, study, layout, url or default_url(layout), **(defaults | options))
    return layout.study(name)


def disks() -> ImageSet:
    """Return noisy images of a bright disk, four of each patient, in the shape of the glands but smaller."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    centres, radii = rng.uniform(8, _SIDE - 8, (_COUNT, 2, 1, 1)), rng.uniform(5, 12, (_COUNT, 1, 1))
    masks = np.hypot(rows - centres[:, 0], columns - centres[:, 1]) < radii
    images = 0.1 * rng.normal(size=(_COUNT, 2, _SIDE, _SIDE)) + 0.1 * masks[:, None]
    names = np.array([f"train_{index + 1}" for index in range(_COUNT)])
    grades = np.where(radii.ravel() > 8, "benign", "malignant")
    groups, parts = np.arange(_COUNT) // 4, np.full(_COUNT, "train")
    return ImageSet(images.astype(np.float32), masks.astype(np.uint8), names, groups, grades, parts)


def write_data(layout: Layout) -> None:
    """Write the training partition and its splits."""
    images = disks()
    images.save(layout.dataset("warwick", "train"))
    for strategy in ("random", "patient"):
        splits = STRATEGIES[strategy](images, SplitSizes(seed=0, validation=0.2))
        save_splits(layout.split("warwick", strategy), splits)


@pytest.fixture(scope="session", autouse=True)
def _fast_commits() -> Iterator[None]:
    """Let SQLite not wait for the disk: that matters when the power fails, and a commit costs 15 ms."""

    def switch_off(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", switch_off)
    yield
    event.remove(Engine, "connect", switch_off)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "copy")
    write_data(layout)
    return layout


@pytest.fixture
def search(layout: Layout) -> Search:
    """Run a study to its end in the working copy of the test."""
    return lambda study, name="study", **options: run(study, layout, name, **options)


@pytest.fixture(scope="session")
def grid(params: Params) -> Study:
    """The eight points of the study lambda."""
    return small(params.study("lambda"))


@pytest.fixture(scope="session")
def joint(params: Params) -> Study:
    """Four small networks of the study joint."""
    study = params.study("joint")
    names = ("regularization.kind", "regularization.strength", "optimizer.kind", "optimizer.learning_rate")
    space = {name: study.space[name] for name in names}
    space |= {"network.width": Choices(kind="choices", choices=(2, 3))}
    return small(study, trials=4, space=space, sampler=study.sampler.model_copy(update={"startup": 2}))


@pytest.fixture(scope="session")
def normalized(params: Params) -> Study:
    """The study widths, whose networks have batch norm: they train in a few iterations."""
    return small(params.study("widths"))


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory, grid: Study) -> Layout:
    """A working copy in which the grid is complete, to be read."""
    layout = Layout(tmp_path_factory.mktemp("complete") / "copy")
    write_data(layout)
    run(grid, layout)
    return layout


@pytest.fixture
def finished(tmp_path: Path, complete: Layout) -> Layout:
    """A working copy in which the grid is complete, to be changed."""
    shutil.copytree(complete.root, tmp_path / "finished")
    return Layout(tmp_path / "finished")
