"""`dvc exp` as its users use it: it runs the code that it records, and leaves what they brought and what they have."""

import hashlib
import json
from pathlib import Path

import optuna
import pytest
from safetensors.numpy import load_file

from tests.end_to_end.conftest import STUDY, VARIANT
from tests.workspaces import Workspace

pytestmark = pytest.mark.system

RATE = '        group["lr"] = optimizer.defaults["lr"] * factor\n'
USER_FILES = ("notes.txt", "warwick_qu_dataset_released_2016_07_08.zip", "mnist/own.gz", "warwick/own.bmp", "own/a.bmp")


@pytest.fixture
def workspace(reproduced: Workspace, tmp_path: Path) -> Workspace:
    return reproduced.copy(tmp_path / "copy")


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of each file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def weights(workspace: Workspace) -> Path:
    return workspace.layout.run(VARIANT, 0).path / "model.safetensors"


def experiment(workspace: Workspace, *words: str, iterations: int) -> None:
    setting = f"defaults.warwick.iterations={iterations}"
    workspace.run("dvc", "exp", "run", "-S", setting, *words, f"evaluate@{VARIANT}")


@pytest.mark.field("treeverse/dvc#10437", "`dvc exp apply` deletes the folder that a .dvc file tracks")
@pytest.mark.field("treeverse/dvc#9653", "`dvc push` leaves out what was never committed to the cache")
@pytest.mark.field("treeverse/dvc#9006", "`dvc pull` fails for an output that nobody pushed")
def test_what_a_user_has_in_data_survives_all_that_experiments_do(workspace, tmp_path):
    data = workspace.root / "data"
    for name in USER_FILES:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(f"the user's {name}")
    before = contents(data)

    def unchanged(*command: str) -> None:
        assert contents(data) == before, command

    def run(*command: str) -> str:
        output = workspace.run(*command).stdout
        unchanged(*command)
        return output

    run("dvc", "status")
    experiment(workspace, "--name", "here", iterations=2)
    unchanged("dvc exp run")
    run("git", "stash")
    experiment(workspace, "--temp", "--name", "aside", iterations=3)
    experiment(workspace, "--queue", "--name", "later", iterations=4)
    run("dvc", "exp", "run", "--run-all")
    for name in ("here", "aside", "later"):
        run("dvc", "exp", "apply", name)
        run("git", "stash")
    run("dvc", "exp", "branch", "aside", "aside")
    run("git", "checkout", "-q", "aside")
    run("dvc", "checkout")
    run("git", "checkout", "-q", "-")
    run("dvc", "checkout", "--force")
    run("dvc", "gc", "--force", "--workspace")
    run("dvc", "remote", "add", "-d", "team", str(tmp_path / "remote"))
    run("dvc", "push")
    run("git", "commit", "-qam", "Share")
    run("dvc", "pull", "--force")
    run("dvc", "repro")
    assert not workspace.run("git", "status", "--porcelain").stdout

    colleague = workspace.clone(tmp_path / "colleague")
    (colleague.root / "data").mkdir()
    (colleague.root / "data" / "own.txt").write_text("own")
    colleague.run("dvc", "pull")
    assert colleague.repro() == []
    assert contents(colleague.root / "data").keys() == {"own.txt"}


@pytest.mark.field("treeverse/dvc#10419", "a queued experiment runs the library of the working copy")
@pytest.mark.parametrize("mode", ["--temp", "--queue"])
def test_an_experiment_is_of_the_code_that_it_records(workspace, mode):
    initial = load_file(weights(workspace))
    workspace.edit("src/dl4ia/training/loop.py", RATE, RATE.replace("* factor", "* 0.0"))
    workspace.run("dvc", "exp", "run", mode, "--name", "still", "code", f"evaluate@{VARIANT}")
    workspace.run("git", "checkout", "-q", ".")
    if mode == "--queue":
        workspace.run("dvc", "exp", "run", "--run-all")
    workspace.run("dvc", "exp", "apply", "still")
    still = load_file(weights(workspace))
    assert any((still[name] != initial[name]).any() for name in initial)
    rows = workspace.layout.run(VARIANT, 0).history()
    assert len(set(rows["validation/loss"])) == 1  # nothing was learned: the edited code ran
    stages = json.loads((workspace.root / "results" / "code.json").read_text())
    assert workspace.layout.run(VARIANT, 0).config().code == stages["train"][VARIANT]


@pytest.mark.field("treeverse/dvc#8905", "databases at the root of a temporary copy are deleted with it")
def test_what_a_temporary_copy_records_in_databases_stays(workspace):
    database = f"sqlite:///{workspace.root}/studies.db"
    before = len(optuna.load_study(study_name=STUDY, storage=database).trials)
    workspace.run("dvc", "exp", "run", "--temp", "-S", f"studies.{STUDY}.trials={before + 1}", f"search@{STUDY}")
    assert len(optuna.load_study(study_name=STUDY, storage=database).trials) == before + 1


@pytest.mark.field("treeverse/dvc#1599", "what is written to a file that is linked to the cache corrupts the cache")
def test_links_to_the_cache_are_replaced_and_not_written_through(workspace):
    workspace.run("dvc", "config", "cache.type", "hardlink")
    workspace.run("dvc", "checkout", "--relink")
    assert weights(workspace).stat().st_nlink > 1
    workspace.edit_params(lambda content: content["defaults"]["warwick"].update(iterations=3, evaluate_every=3))
    workspace.run("dl4ia", "train", VARIANT)
    workspace.run("dl4ia", "evaluate", VARIANT)
    workspace.run("dl4ia", "search", STUDY)
    cached = [path for path in (workspace.root / ".dvc" / "cache" / "files" / "md5").rglob("*") if path.is_file()]
    assert len(cached) > 10
    for path in cached:
        assert hashlib.md5(path.read_bytes()).hexdigest() == f"{path.parent.name}{path.name}".removesuffix(".dir")


def test_a_worktree_runs_its_own_code_and_the_command_of_another_refuses(workspace, tmp_path):
    other = Workspace(tmp_path / "worktree")
    workspace.run("git", "worktree", "add", "-q", str(other.root))
    refused = other.run("dl4ia", "list", check=False, PYTHONPATH=str(workspace.root / "src"))
    assert refused.returncode == 1
    assert f"{other.root / 'src' / 'dl4ia'} is the code of this folder" in refused.stderr
    program = "import pipeline, dl4ia; print(dl4ia.__file__)"
    imported = other.run("python", "-c", program, PYTHONPATH=str(workspace.root / "src"))
    assert imported.stdout.strip() == str(other.root / "src" / "dl4ia" / "__init__.py")
