"""A copy of the project with few and short variants, driven by its own commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

TRIALS = {"lambda": 8, "joint": 4}  # of each study
KEPT = ("mnist-fc", "warwick-start", "warwick-combined-patient")
SEARCHED = "warwick-searched"


class Copy:
    """A working copy of the project and a shell in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("DL4IA", "MLFLOW_TRACKING"))
        }
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = inherited | {"PATH": binaries, "PYTHONPATH": str(self.path / "src")} | environment
        done = subprocess.run(command, cwd=self.path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", message)

    def edit(self, change) -> None:
        yaml = YAML()
        file = self.path / "params.yaml"
        content = yaml.load(file)
        change(content)
        yaml.dump(content, file)


def shorten(content) -> None:
    content["data"]["source"] = "stand-in"
    content["variants"] = {name: content["variants"][name] for name in KEPT}
    for task, iterations in (("mnist", 40), ("warwick", 10)):
        content["defaults"][task] |= {"seeds": [0, 1], "iterations": iterations, "evaluate_every": iterations // 2}
    content["studies"] = {name: content["studies"][name] for name in TRIALS}
    for study in content["studies"].values():
        study |= {"iterations": 2, "evaluate_every": 1, "objective": {"kind": "split", "strategy": "random"}}
    content["studies"]["joint"]["trials"] = TRIALS["joint"]
    content["variants"]["mnist-fc"]["settings"] |= {"iterations": 40, "evaluate_every": 20}


def copied(target: Path) -> Copy:
    files = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, files.stdout.decode().split("\0")):
        if name.startswith(("results/", "report/", "tests/")) or name in {"dvc.lock", "data.dvc"}:
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
    copy = Copy(target)
    copy.edit(shorten)
    copy.run("git", "init", "-q")
    copy.commit("Small")
    return copy


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Copy:
    """The copy after a whole `dvc repro` and a commit of what it left."""
    copy = copied(tmp_path_factory.mktemp("project"))
    copy.run("dvc", "repro")
    copy.commit("Results")
    return copy
