"""Small working copies, made of the stand-in."""

import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dl4ia import config
from dl4ia.config import Params, Variant
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, SplitSizes, save_splits
from dl4ia.runs.layout import Layout
from dl4ia.tasks import TASKS
from dl4ia.tasks.mnist_files import digit_set

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
ROOT = Path(__file__).parents[1]
SIZES = {"mnist": SplitSizes(seed=0, validation=50), "warwick": SplitSizes(seed=0, validation=0.2)}


torch.set_num_threads(1)  # also in fixtures of a session: the number of threads decides the last bits of a result


def pytest_itemcollected(item: pytest.Item) -> None:
    """Send the cases that a test tries with its reports: see tests/field/cases.py."""
    item.user_properties += [("field", mark.args) for mark in item.iter_markers("field")]


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from all but the tests of GPUs: on a CPU the same training gives the same bits on every machine."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none, or where it is hidden."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU, and `make test-gpu`")


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _enabled_loggers() -> None:
    """Enable the project's loggers: tests that create a database in this process by Alembic leave them disabled."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("dl4ia") and isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed experiments, without what a study has found: a working copy below tests/ has no results."""
    return config.load(ROOT / "params.yaml", ROOT / "tests")


@pytest.fixture(scope="session")
def glands() -> ImageSet:
    return TASKS["warwick"].stand_in(("train", "test_a", "test_b"))


@pytest.fixture(scope="session")
def few_glands(glands: ImageSet) -> ImageSet:
    """Every third one, for what looks at all images."""
    return glands.take(range(0, len(glands), 3))


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return few_digits()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, glands: ImageSet, digits: ImageSet) -> Layout:
    """A working copy with datasets and splits, to be copied."""
    return write_data(tmp_path_factory.mktemp("written"), digits, glands)


@pytest.fixture
def layout(tmp_path: Path, written: Layout) -> Layout:
    """A working copy with datasets and splits: digits, and drawn glands."""
    shutil.copytree(written.root, tmp_path, dirs_exist_ok=True)
    return Layout(tmp_path)


def write_data(root: Path, digits: ImageSet, glands: ImageSet) -> Layout:
    """Write the datasets and splits of a working copy."""
    layout = Layout(root)
    digits.take(range(400)).save(layout.dataset("mnist", "train"))
    digit_set(digits.images[400:].astype(np.uint8), digits.targets[400:], "test").save(layout.dataset("mnist", "test"))
    glands.part("train").save(layout.dataset("warwick", "train"))
    glands.take(np.flatnonzero(glands.partition != "train")).save(layout.dataset("warwick", "test"))
    for name, task in TASKS.items():
        if name in SIZES:
            layout.source(name).write_text(
                json.dumps({"source": "stand-in", "sha256": dict.fromkeys(task.parts, "0" * 64)})
            )
            images = ImageSet.load(layout.dataset(name, "train"))
            for strategy in task.strategies:
                save_splits(layout.split(name, strategy), STRATEGIES[strategy](images, SIZES[name]))
    return layout


def few_digits() -> ImageSet:
    """A few hundred digits of the stand-in."""
    full = TASKS["mnist"].stand_in(("test",))
    return digit_set(full.images[:600].astype(np.uint8), full.targets[:600], "train")


def shortened(variant: Variant, **changes: object) -> Variant:
    """Return a variant that trains in a second."""
    short = {"seeds": (0,), "iterations": 4, "batch_size": 4, "evaluate_every": 2} | changes
    return variant.model_copy(update={"settings": variant.settings.model_copy(update=short)})
