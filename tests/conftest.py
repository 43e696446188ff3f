"""Small working copies, made of the stand-in."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from dl4ia import config
from dl4ia.config import Params, Variant
from dl4ia.data import builtin, mnist
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import write_splits
from dl4ia.runs import Layout

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed experiments, without what a study may have found in this working copy."""
    return config.load(ROOT / "params.yaml", ROOT / "tests")


@pytest.fixture(scope="session")
def glands() -> ImageSet:
    return builtin.glands(("train", "test_a", "test_b"))


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return few_digits()


@pytest.fixture
def layout(tmp_path: Path, glands: ImageSet, digits: ImageSet) -> Layout:
    """A working copy with datasets and splits: digits, and drawn glands."""
    return write_data(tmp_path, digits, glands)


def write_data(root: Path, digits: ImageSet, glands: ImageSet) -> Layout:
    """Write the datasets and splits of a working copy."""
    layout = Layout(root)
    digits.take(range(400)).save(layout.dataset("mnist", "train"))
    mnist.digits(digits.images[400:], digits.targets[400:], "test").save(layout.dataset("mnist", "test"))
    glands.part("train").save(layout.dataset("warwick", "train"))
    glands.take(np.flatnonzero(glands.partition != "train")).save(layout.dataset("warwick", "test"))
    origin = {"source": "stand-in", "sha256": {"train": "", "test": ""}}
    layout.source.write_text(json.dumps({"mnist": origin, "warwick": origin}))
    sizes = config.SplitSizes(seed=0, mnist_validation=50, warwick_validation=0.2)
    write_splits(layout.source.parent, layout.splits, sizes)
    return layout


def few_digits() -> ImageSet:
    """A few hundred digits of the stand-in."""
    full = builtin.digits("test")
    return mnist.digits(full.images[:600], full.targets[:600], "train")


def shortened(variant: Variant, **changes: object) -> Variant:
    """Return a variant that trains in a second."""
    short = {"seeds": (0,), "iterations": 4, "batch_size": 4, "evaluate_every": 2} | changes
    return variant.model_copy(update={"settings": variant.settings.model_copy(update=short)})
