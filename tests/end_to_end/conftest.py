"""A copy of the project with few and short variants, driven by its own commands."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.copies import Copy, wait_until

TRIALS = {"lambda": 8, "joint": 4}  # of each study
KEPT = ("mnist-fc", "warwick-start", "warwick-combined-patient")
SEARCHED = "warwick-searched"


def shorten(content: dict) -> None:
    content["data"]["source"] = "stand-in"
    content["variants"] = {name: content["variants"][name] for name in KEPT}
    for task, iterations in (("mnist", 40), ("warwick", 10)):
        content["defaults"][task] |= {"seeds": [0, 1], "iterations": iterations, "evaluate_every": iterations // 2}
    content["studies"] = {name: content["studies"][name] for name in TRIALS}
    for study in content["studies"].values():
        study |= {"iterations": 2, "evaluate_every": 1, "objective": {"kind": "split", "strategy": "random"}}
    content["studies"]["joint"]["trials"] = TRIALS["joint"]
    content["variants"]["mnist-fc"]["settings"] |= {"iterations": 40, "evaluate_every": 20}


def commit(copy: Copy, message: str) -> None:
    copy.run("git", "add", "-A")
    copy.run("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", message)


def copied(target: Path) -> Copy:
    files = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    left_out = ("results/", "report/", "tests/", "dvc.lock", "data.dvc")
    names = [name for name in files.stdout.decode().split("\0") if name and not name.startswith(left_out)]
    copy = Copy.of(ROOT, names, target, shorten)
    copy.run("git", "init", "-q")
    commit(copy, "Small")
    return copy


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Copy:
    """The copy after a `dvc repro` that was killed in the middle, one that went on, and a commit of what was left."""
    copy = copied(tmp_path_factory.mktemp("project"))
    killed = copy.start("dvc", "repro")
    wait_until(lambda: killed.poll() is not None or any(copy.root.glob("out/runs/*/seed-*/history.csv")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    copy.run("dvc", "repro")
    commit(copy, "Results")
    return copy
