"""Small working copies in which the project's own commands are run, and killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pandas as pd
import psutil
from ruamel.yaml import YAML

from dl4ia.runs.layout import Layout
from dl4ia.tasks import TASKS
from tests.conftest import ROOT, few_digits, write_data

Process = subprocess.Popen[str]
Change = Callable[[dict[str, Any]], None]

_LEFT_OUT = ("DL4IA", "MLFLOW_TRACKING", "DVC")
_END = 600  # seconds that anything here may take


def with_data(root: Path) -> Layout:
    """Write the project's params.yaml, a few hundred digits and the drawn glands, and their splits."""
    layout = write_data(root, few_digits(), TASKS["warwick"].stand_in(("train", "test_a", "test_b")))
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    return layout


class Workspace:
    """A working copy and a shell in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.layout = root, Layout(root)

    @classmethod
    def of(cls, base: Path, names: Iterable[str], root: Path, change: Change) -> Self:
        """Copy files and folders of another, of which params.yaml is one, to be changed."""
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if (base / name).is_dir():
                shutil.copytree(base / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(base / name, root / name)
        workspace = cls(root)
        workspace.edit_params(change)
        return workspace

    def clone(self, root: Path) -> Self:
        """Return a git clone: what is committed, and nothing else."""
        self.run("git", "clone", "-q", ".", str(root))
        return type(self)(root)

    def copy(self, root: Path) -> Self:
        """Return a copy of everything, databases and DVC's cache included."""
        shutil.copytree(self.root, root, symlinks=True)
        return type(self)(root)

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", message)

    @property
    def sources(self) -> str:
        """Where modules are found: in the working copy, if it has some, or in the project."""
        return os.pathsep.join(str(root / name) for root in (self.root, ROOT) for name in ("src", ""))

    def edit_params(self, change: Change) -> None:
        """Change params.yaml."""
        yaml, file = YAML(), self.root / "params.yaml"
        params = yaml.load(file)
        change(params)
        yaml.dump(params, file)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that a file has exactly once."""
        path = self.root / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name}: {old!r}"
        path.write_text(text.replace(old, new))

    def start(self, *command: str, stdout: int = subprocess.DEVNULL, **variables: str) -> Process:
        """Start a command of the project in a session of its own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_LEFT_OUT)}
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment |= {"PATH": binaries, "PYTHONPATH": self.sources, "SHELL": "/bin/sh"}
        return subprocess.Popen(
            command, cwd=self.root, env=environment | variables, stdout=stdout, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*command, stdout=subprocess.PIPE, **variables)
        try:
            output, errors = process.communicate(timeout=_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # whatever comes next needs its locks
            raise
        assert process.returncode == 0 or not check, (
            f"{command}: exit code {process.returncode}: {output[-2000:]}\n{errors[-3000:]}"
        )
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def repro(self, *words: str) -> list[str]:
        """Run `dvc repro` with more words; return the stages that it ran, in order."""
        lines = self.run("dvc", "repro", *words).stdout.splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage")]

    def stale(self) -> set[str]:
        """Return the stages that `dvc status` names; the published files of `data.dvc` are no stage."""
        lines = self.run("dvc", "status").stdout.splitlines()
        return {line[:-1] for line in lines if line.endswith(":") and not line[0].isspace()} - {"data.dvc"}

    def results(self) -> dict[str, str]:
        """Return a digest of all that two equal runs must agree in, by file: weights, points of curves, metrics."""
        digests = {}
        for path in sorted(self.root.glob("out/runs/*/seed-*/model.safetensors")):
            digests[str(path.relative_to(self.root))] = sha256(path.read_bytes()).hexdigest()
        for path in sorted(self.root.glob("out/runs/*/seed-*/history.csv")):
            for row in pd.read_csv(path).drop(columns="seconds").itertuples(index=False):
                digests[f"{path.relative_to(self.root)}: step {row.step}"] = str(tuple(row))
        for name in ("metrics", "images", "confusion"):
            for path in sorted(self.root.glob(f"results/*/{name}.csv")):
                digests[str(path.relative_to(self.root))] = path.read_text()
        for path in sorted(self.root.glob("results/search/*/trials.csv")):
            trials = pd.read_csv(path)
            kept = trials[trials["state"] == "complete"].drop(columns=["trial", "started", "seconds", "error"])
            for row in kept.itertuples(index=False):
                name = f"{path.relative_to(self.root)}: {tuple(row)}"
                digests[name] = str(int(digests.get(name, "0")) + 1)  # once, if all is well
        return digests


def link_environment(root: Path) -> None:
    """Set a working copy up as `make setup` does, with the packages that are installed here."""
    (root / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (root / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (root / ".venv" / "ready").write_text(f"{root.resolve()}\n")


def keep(content: dict[str, Any], **names: Collection[str]) -> None:
    """Keep the named rows of each section of experiments, such as `variants=["mnist-cnn"]`, and no others."""
    for section in ("variants", "studies", "finals", "searched", "ensembles"):
        content[section] = {name: content[section][name] for name in names.get(section, ())}
    kept = {*content["variants"], *content["searched"]}
    for row in [*content["variants"].values(), *content["searched"].values(), *content["ensembles"].values()]:
        if "compared_with" in row:
            row["compared_with"] = [name for name in row["compared_with"] if name in kept]
    content["champions"] = {task: name for task, name in content["champions"].items() if name in kept}


def differing(results: dict[str, str], expected: dict[str, str]) -> int:
    """Return how many points are missing, or not as they should be, or there without reason."""
    return sum(results.get(name) != expected.get(name) for name in results.keys() | expected.keys())


def alive(pids: Collection[int]) -> list[int]:
    """Return which of the processes still run."""
    states = {
        process.pid: process.status() for process in psutil.process_iter(["pid", "status"]) if process.pid in pids
    }
    return [pid for pid, status in states.items() if status != psutil.STATUS_ZOMBIE]


def family(process: Process) -> set[int]:
    """Return the numbers of a process and all it started, directly or not."""
    try:
        parent = psutil.Process(process.pid)
        return {parent.pid, *(child.pid for child in parent.children(recursive=True))}
    except psutil.NoSuchProcess:
        return {process.pid}


def wait_until(condition: Callable[[], bool], seconds: float = _END) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True
