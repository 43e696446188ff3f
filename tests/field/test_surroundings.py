"""Odd surroundings: inherited settings, names of folders and limits under which a command works as always."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dl4ia.tracking.mlflow import connect
from tests.conftest import ROOT
from tests.workspaces import Workspace, differing, keep, with_data

pytestmark = pytest.mark.system

NAME = "mnist-fc"
COMMANDS = f"dl4ia train {NAME} && dl4ia evaluate {NAME}"
ALL = f"{COMMANDS} && dl4ia report && dl4ia publish"


def shorten(content: dict) -> None:
    """Leave one variant with a seed for each core, so that each has one thread, for a few iterations."""
    keep(content, variants=[NAME])
    content["seeds"] = {"mnist": list(range(len(os.sched_getaffinity(0))))}
    content["split"] = {"mnist": content["split"]["mnist"]}
    content["defaults"]["mnist"] |= {"iterations": 4, "evaluate_every": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    layout = with_data(tmp_path_factory.mktemp("surroundings") / "base")
    connect(layout)  # to make an empty database takes seconds
    return layout.root


@pytest.fixture(scope="module")
def expected(base, tmp_path_factory) -> dict[str, str]:
    """What the commands leave where nothing is odd."""
    workspace = fresh(base, tmp_path_factory.mktemp("usual") / "copy")
    workspace.run("sh", "-c", COMMANDS)
    return workspace.results()


def fresh(base: Path, root: Path) -> Workspace:
    return Workspace.of(base, ["params.yaml", "out", "mlflow.db"], root, shorten)


def works(workspace: Workspace, expected: dict[str, str], command: str = COMMANDS, **variables: str) -> None:
    """Run the commands, which leave what they always leave and complain of nothing."""
    ended = workspace.run("sh", "-c", command, **variables)
    assert "Traceback" not in ended.stderr
    assert "not tracked" not in ended.stderr
    assert "\r" not in ended.stdout + ended.stderr
    assert differing(workspace.results(), expected) == 0


VARIABLES = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
    "GIT_DIR": "/nowhere/.git", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index",
    "HOME": "/nowhere", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "TMPDIR": "/nowhere",
    "TERM": "dumb", "COLUMNS": "1", "PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "17", "OMP_NUM_THREADS": "7",
    "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://[::1]:9",
}  # fmt: skip


@pytest.mark.field("rmaphoh/AutoMorph#12", "a notebook's MPLBACKEND ends every command that draws")
@pytest.mark.field("alexjc/neural-enhance#199", "a terminal that is ASCII ends a training")
@pytest.mark.field("RichiH/vcsh#206", "git commands of a hook are about the hook's repository")
@pytest.mark.field("matplotlib/matplotlib#18011", "the home folder cannot be written")
def test_inherited_variables_change_nothing(base, expected, tmp_path):
    works(fresh(base, tmp_path / "copy"), expected, **VARIABLES)


@pytest.mark.field("mlflow/mlflow#4879", "artifacts in folders whose names have special characters")
@pytest.mark.parametrize("name", ["mein projekt ü", "100%25 #1?a=b&c", "it's; $HOME"])
def test_a_working_copy_may_have_any_name(base, expected, tmp_path, name):
    workspace = fresh(base, tmp_path / name)
    works(workspace, expected, ALL)
    assert (workspace.root / "report" / "report.md").exists()
    assert {"mlflow.db", "mlartifacts"} <= {path.name for path in workspace.root.iterdir()}
    assert any((workspace.root / "mlartifacts").rglob("MLmodel"))
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.field("datalad/datalad#7438", "a working copy that is reached through a link is another one")
def test_a_working_copy_may_be_reached_through_a_link(base, expected, tmp_path):
    workspace = fresh(base, tmp_path / "copy")
    (tmp_path / "link").symlink_to(workspace.root)
    linked = Workspace(tmp_path / "link")
    linked.run("sh", "-c", COMMANDS)
    works(workspace, expected, "dl4ia report && dl4ia publish")


@pytest.mark.field("python/cpython#80235", "workers are started for cores that the process may not use")
def test_one_core_has_one_worker_at_a_time(base, expected, tmp_path):
    core = min(os.sched_getaffinity(0))
    works(fresh(base, tmp_path / "copy"), expected, f"taskset -c {core} sh -c {shlex.quote(COMMANDS)}")


@pytest.mark.field("pytorch/pytorch#11201", "too many open files while workers send their results")
def test_few_open_files_are_enough(base, expected, tmp_path):
    works(fresh(base, tmp_path / "copy"), expected, f"ulimit -n 64; {COMMANDS}")


@pytest.mark.field("tqdm/tqdm#750", "progress bars fill the log of a command without a terminal")
def test_a_log_has_the_results_and_no_progress_bars(base, expected, tmp_path):
    works(fresh(base, tmp_path / "copy"), expected, f"({COMMANDS}) > log 2>&1")
    log = (tmp_path / "copy" / "log").read_text()
    assert "test accuracy" in log
    assert "\r" not in log
    assert "%" not in log


def test_no_standard_input_is_needed(base, expected, tmp_path):
    works(fresh(base, tmp_path / "copy"), expected, f"({COMMANDS}) <&-")


@pytest.mark.field("python/cpython#90650", "a listing that is piped into head ends in a traceback")
@pytest.mark.parametrize("command", ["dl4ia list", "dl4ia --help"])
def test_a_reader_that_has_seen_enough_is_no_error(base, tmp_path, command):
    workspace = fresh(base, tmp_path / "copy")
    ended = workspace.run("bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}", check=False)
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr
    assert ended.stderr == ""
    assert ended.returncode in {0, 128 + signal.SIGPIPE}


@pytest.mark.field("mlflow/mlflow#2379", "a program that needs git where there is none")
def test_git_is_not_needed(base, expected, tmp_path):
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "git").exists()]
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dl4ia"):
        located = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tools / tool).symlink_to(located.stdout.strip())
    works(fresh(base, tmp_path / "copy"), expected, PATH=os.pathsep.join([str(tools), *folders]))


def test_an_installed_wheel_does_the_same(base, expected, tmp_path):
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, source / name)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("dl4ia-*.whl")
    shutil.unpack_archive(wheel, site, "zip")
    works(fresh(base, tmp_path / "copy"), expected, f"{COMMANDS} && dl4ia report", PYTHONPATH=str(site))
