"""A working copy of the project with short variants and one small study, driven by its own commands."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.workspaces import Change, Workspace, keep

LEFT_OUT = ("results/", "report/", "tests/", "dvc.lock")
VARIANT, SEARCHED, STUDY = "warwick-start", "warwick-searched", "lambda"
SEEDS = {VARIANT: (0, 1), SEARCHED: (0,)}
TRIALS = 2


def shorten(content: dict) -> None:
    """Leave the glands: a variant, a study of two points, and the variant that takes its settings from there."""
    content["data"]["source"] = "stand-in"
    content["seeds"], content["split"] = {"warwick": [0, 1]}, {"warwick": content["split"]["warwick"]}
    keep(content, variants=[VARIANT], studies=[STUDY], searched=[SEARCHED])
    content["defaults"]["warwick"] |= {"iterations": 12, "evaluate_every": 6}
    study = content["studies"][STUDY]
    study |= {"sampler": {"kind": "random"}, "trials": TRIALS, "iterations": 4, "evaluate_every": 2}
    study["objective"] = {"kind": "split", "strategy": "random"}
    content["searched"][SEARCHED] |= {"best": f"results/search/{STUDY}/best.yaml"}
    content["searched"][SEARCHED]["settings"] = {"seeds": [0]}


def project(root: Path, change: Change = shorten) -> Workspace:
    """Return a committed copy of the project, with fewer and shorter experiments, in which nothing has been run."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    names = [name for name in listed.stdout.split("\0") if name and not name.startswith(LEFT_OUT)]
    workspace = Workspace.of(ROOT, [name for name in names if (ROOT / name).exists()], root, change)
    workspace.run("git", "init", "-q")
    workspace.commit("Small")
    return workspace


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Workspace:
    """The working copy after `dvc repro`, and a commit of the results."""
    workspace = project(tmp_path_factory.mktemp("project") / "copy")
    workspace.repro()
    workspace.commit("Results")
    return workspace
