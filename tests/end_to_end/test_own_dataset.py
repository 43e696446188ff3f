"""The commands of docs/own-dataset.md, as printed, in a fresh copy of the project; and what is computed anew after."""

import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.end_to_end.conftest import project
from tests.workspaces import Workspace, link_environment

pytestmark = pytest.mark.system

PAGE = (ROOT / "docs" / "own-dataset.md").read_text(encoding="utf-8")
SEEDS = [0, 1]  # a thread each


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def without_experiments(content: dict) -> None:
    """Keep the sections alone: nothing of the published data is run."""
    for section in ("variants", "studies", "finals", "searched", "ensembles", "published", "champions"):
        content[section] = {}


def add_rows(content: dict) -> None:
    """Add the rows of the page to the sections that params.yaml has,, with one run of each variant."""
    (text,) = blocks("yaml")
    for section, rows in YAML(typ="safe").load(text).items():
        content[section] |= dict.fromkeys(rows, SEEDS) if section == "seeds" else rows
    content["defaults"]["coins"]["iterations"] = 80


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """A working copy in which the page has been followed."""
    workspace = project(tmp_path_factory.mktemp("own") / "copy", without_experiments)
    (script,) = blocks("python")
    workspace.run(sys.executable, "-c", script)
    exclude, commands = blocks("sh")
    workspace.run("bash", "-c", exclude)
    workspace.edit_params(add_rows)
    for line in commands.splitlines():
        workspace.run("bash", "-c", line)
    return workspace


def test_git_takes_no_image(workspace):
    status = workspace.run("git", "status", "--porcelain", "-uall").stdout
    assert "models/coins/model.safetensors" in status
    assert not {"coins/", "numbers/"} & {line[3:].partition("/")[0] + "/" for line in status.splitlines()}


def test_the_networks_are_good(workspace):
    summary = pd.read_csv(workspace.root / "results/summary.csv", index_col="variant")
    assert summary.loc["coins-unet", "test_dice_mean"] > 0.8
    assert summary.loc["numbers-cnn", "test_accuracy_mean"] > 0.95
    assert summary["trained"].tolist() == [len(SEEDS)] * 3
    report = (workspace.root / "report/report.md").read_text()
    assert "## Ancient coins" in report
    assert "### Study coins-width" in report


def test_predictions_are_where_the_page_says(workspace):
    with Image.open(workspace.root / "predictions/0-0-mask.png") as mask:
        predicted = np.asarray(mask) > 0
    with Image.open(workspace.root / "coins/masks/0-0.png") as mask:
        assert (predicted == (np.asarray(mask) > 0)).mean() > 0.8
    table = pd.read_csv(workspace.root / "predictions/numbers/predictions.csv")
    assert table.loc[0, "class"] == "zero"


def test_nothing_is_stale_until_the_folder_or_its_row_changes(workspace):
    own = ("coins-unet", "coins-flips", "numbers-cnn")
    stages = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in own}
    imports = {f"{stage}-folder@{name}" for stage in ("download", "split") for name in ("coins", "numbers")}
    followed = stages | imports | {"search@coins-width", "champion@coins"}
    assert not workspace.stale() & followed
    before = {path: path.stat().st_mtime_ns for path in (workspace.root / "coins").rglob("*")}
    workspace.edit_params(lambda content: content["datasets"]["coins"].update(title="Coins"))
    assert "download-folder@coins" in workspace.stale()
    assert workspace.repro("evaluate@coins-unet") == ["code", "download-folder@coins", "split-folder@coins"]
    image, mask = (workspace.root / f"coins/{kind}/0-0.png" for kind in ("images", "masks"))
    for path in (image, mask):
        path.rename(path.with_name("first.png"))
    again = workspace.repro("evaluate@coins-unet")
    assert again == ["download-folder@coins", "split-folder@coins", "train@coins-unet", "evaluate@coins-unet"]
    for path in (image, mask):
        path.with_name("first.png").rename(path)
    assert workspace.repro("evaluate@coins-unet") == ["evaluate@coins-unet"]  # DVC has kept arrays and networks
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()}.items() <= before.items()


def test_a_group_of_ones_own_runs_from_the_folders_on(workspace):
    shutil.rmtree(workspace.root / "out")
    link_environment(workspace.root)
    workspace.run("make", "repro-best", "GROUP=own")
    assert {path.name for path in (workspace.root / "out/runs").iterdir()} == {
        "coins-unet",
        "coins-flips",
        "numbers-cnn",
    }


def test_a_missing_folder_is_named_in_one_line(workspace):
    (workspace.root / "coins").rename(workspace.root / "elsewhere")
    try:
        failed = workspace.run("dl4ia", "download", "coins", check=False)
        assert failed.returncode == 1
        assert failed.stderr == "error: params.yaml: datasets.coins.folder: there is no folder coins\n"
        assert workspace.run("dvc", "repro", "download-folder@coins", check=False).returncode != 0
    finally:
        (workspace.root / "elsewhere").rename(workspace.root / "coins")
