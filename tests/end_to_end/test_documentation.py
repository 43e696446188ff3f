"""The commands of README.md, of docs/ and of `dl4ia --help`, as printed, in a fresh clone with small settings."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.end_to_end.conftest import project
from tests.tasks.test_gland_prediction import picture
from tests.test_advice import examples, pages, stated
from tests.workspaces import Workspace, keep, link_environment, wait_until

pytestmark = pytest.mark.system

TEXT = "\n".join(pages().values())
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
ROW = re.search(r"```yaml\n(  mnist-double:.*?)```", TEXT, re.DOTALL)
PLACES = {"/some/shared/folder": "remote", "/folder/with/mnist/and/warwick": "mirror"}
# What runs elsewhere: in test_demo.py, test_reruns.py, test_makefile.py, test_cluster.py, and by whoever runs this one.
ELSEWHERE = {
    "make demo": "python -m pipeline.demo",
    "git clone https://example.org/dl4ia && cd dl4ia && make demo": "python -m pipeline.demo",
    "make demo-ui": "mlflow server",
    "make demo-dashboard": "optuna-dashboard",
    "make cluster": "dask worker",
    "make docs": "mkdocs serve",
    "make test": "python -m pytest",
    "make test-slow": 'python -m pytest -m "slow and not system"',
    "make test-all": "python -m pytest -m system",
    "make test-gpu": "python -m pytest -m gpu",
    "make torture": "python -m tests.faults",
    "make lint": "ruff check",
    "make bench": "python -m benchmarks.comparison",
    "make same REV=HEAD": "python -m pipeline.same",
}
SERVERS = {"make ui": "http://127.0.0.1:5000", "make dashboard": "http://127.0.0.1:8080"}
GROUPS = "make repro-best"  # of rows that the small settings have not; GROUP=report is run instead
COLLEAGUE = "git clone https://example.org/our/project && cd project && make setup"
VARIANTS, STUDIES = ("mnist-fc", "mnist-cnn", "mnist-adam", "warwick-start"), ("lambda", "widths", "joint")


def shorten(content: dict) -> None:
    """Keep what the pages name, for a few iterations of the stand-in."""
    content["data"]["source"] = "stand-in"
    content["seeds"] = {"mnist": [0], "warwick": [0]}
    keep(content, variants=VARIANTS, studies=STUDIES, searched=["warwick-searched"])
    for task in ("mnist", "warwick"):
        content["defaults"][task] |= {"iterations": 4, "evaluate_every": 250}  # of 500 iterations of an experiment
    for name in STUDIES:
        study = content["studies"][name]
        study |= {"trials": 2, "iterations": 2, "evaluate_every": 1, "sampler": {"kind": "random"}}
        study["objective"] = {"kind": "split", "strategy": "random"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """A clone of a repository that has the project, with results, set up as by `make setup`."""
    folder = tmp_path_factory.mktemp("readme")
    original = project(folder / "original", shorten)
    original.run("git", "clone", "-q", "--bare", ".", str(folder / "shared.git"))
    clone = set_up(folder / "shared.git", folder / "clone")
    clone.repro()
    clone.commit("Results")
    Image.fromarray(picture(522, 775, (200, 300, 90))[0]).save(clone.root / "slide.png")  # that of a reader
    return clone


def set_up(repository: Path, root: Path) -> Workspace:
    subprocess.run(["git", "clone", "-q", repository, root], check=True)
    link_environment(root)
    return Workspace(root)


def commands() -> list[str]:
    """Return each command of the blocks once, without its remark; those of a colleague are the last."""
    lines = [line.partition("# ")[0].strip() for block in BLOCKS for line in block.splitlines()]
    first = [line for line in lines[: lines.index(COLLEAGUE)] if line]
    return [*dict.fromkeys(first), *(line for line in lines[lines.index(COLLEAGUE) :] if line)]


def test_every_command_runs_as_printed(workspace):
    place, colleague = workspace, None
    for printed in commands():
        command = printed
        for named, folder in PLACES.items():
            command = command.replace(named, str(workspace.root.parent / folder))
        if printed == COLLEAGUE:
            place = colleague = set_up(workspace.root.parent / "shared.git", workspace.root.parent / "colleague")
        elif printed in ELSEWHERE:
            listed(workspace, printed)
        elif printed in SERVERS:
            serves(place, command, SERVERS[printed])
        else:
            shell(place, command)
    assert colleague is not None
    assert colleague.results() == workspace.results()
    assert colleague.run("git", "status", "--porcelain", "results").stdout == ""


def test_the_run_that_a_page_reads_by_hand_is_there(workspace):
    workspace.repro("train@mnist-cnn")
    (block,) = re.findall(r"```python\n(from dl4ia.runs.layout.*?)```", TEXT, re.DOTALL)
    assert "conv" in workspace.run(sys.executable, "-c", f"{block}\nprint(*weights)").stdout


def test_every_command_in_the_text_runs_as_printed(workspace):
    row = f"dvc repro evaluate@{ROW[1].strip().partition(':')[0]}"  # below
    for command in [command for command in stated() if command not in (row, GROUPS)]:
        if command in ELSEWHERE:
            listed(workspace, command)
        elif command in SERVERS:
            serves(workspace, command, SERVERS[command])
        else:
            shell(workspace, command.replace("GROUP=…", "GROUP=report"))


def test_every_example_of_the_help_runs(workspace):
    workspace.repro("split")
    for command in examples():
        shell(workspace, command)


def test_the_row_of_a_variant_can_be_pasted(workspace):
    path = workspace.root / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace("  warwick-start:\n", f"{ROW[1]}  warwick-start:\n", 1))
    assert workspace.repro("evaluate@mnist-double") == ["code", "train@mnist-double", "evaluate@mnist-double"]
    assert workspace.layout.run("mnist-double", 0).config().settings["network"]["feature_maps"] == [16, 32, 64]


def test_a_key_of_the_defaults_is_added_to_one_row_and_changes_no_other_line(workspace):
    workspace.run("git", "stash")
    (option,) = re.findall(r"`-S '(\+\+[^`]*)'`", TEXT)
    workspace.run("dvc", "exp", "run", "-S", option, "evaluate@mnist-cnn")
    changed = workspace.run("git", "diff", "--unified=0", "params.yaml").stdout.splitlines()
    assert len([line for line in changed if line.startswith(("+ ", "- "))]) == 2
    assert workspace.layout.run("mnist-cnn", 0).history()["step"].max() == 500


def shell(workspace: Workspace, command: str) -> str:
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    return workspace.run("bash", "-c", command, **dict.fromkeys(names, "test@example.org")).stdout


def listed(workspace: Workspace, command: str) -> None:
    """Check what a target would run, without running it."""
    assert ELSEWHERE[command] in shell(workspace, re.sub(r".*make", "make -n", command))


def serves(workspace: Workspace, command: str, address: str) -> None:
    """Start a server, and stop it as soon as it has answered."""
    server = workspace.start("bash", "-c", command)
    try:
        assert wait_until(lambda: answers(address), 120)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False
