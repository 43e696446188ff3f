"""The commit that is recorded: `-dirty` where what was run differs from it, and only there."""

import subprocess
from pathlib import Path

import pytest

from dl4ia.runs.provenance import git_commit

WRITTEN = ("dvc.lock", "README.md", "models/mnist/status.json", "report/report.md", "results/mnist-cnn/metrics.json")
DECIDING = ("params.yaml", "dvc.yaml", "src/dl4ia/training/loop.py", "pipeline/train.py")


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of a repository, in which the test is."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    for name in (*WRITTEN, *DECIDING):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("committed\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "All")
    return git("rev-parse", "HEAD")


def test_files_that_stages_write_leave_the_commit_clean(commit):
    assert git_commit() == commit
    for name in WRITTEN:
        Path(name).write_text("written by a stage\n")
    Path("results/mnist-cnn/metrics.json").unlink()
    assert git_commit() == commit


@pytest.mark.parametrize("name", DECIDING)
@pytest.mark.parametrize("edit", ["write", "delete", "stage"])
def test_any_other_edit_is_noted(commit, name, edit):
    if edit == "delete":
        Path(name).unlink()
    else:
        Path(name).write_text("edited\n")
    if edit == "stage":
        git("add", name)
    assert git_commit() == f"{commit}-dirty"


def test_a_working_copy_may_be_a_folder_of_a_larger_repository(commit, monkeypatch):
    Path("part").mkdir()
    Path("part/params.yaml").write_text("committed\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "One more")
    monkeypatch.chdir("part")
    Path("../params.yaml").write_text("edited\n")
    assert git_commit() == git("rev-parse", "HEAD")
    Path("params.yaml").write_text("edited\n")
    assert git_commit().endswith("-dirty")


@pytest.mark.field("mlflow/mlflow#275", "the commit of an enclosing repository is recorded")
def test_the_commit_of_a_repository_that_does_not_have_the_files_is_of_something_else(commit, monkeypatch):
    Path("unpacked").mkdir()
    Path("unpacked/params.yaml").write_text("not committed\n")
    monkeypatch.chdir("unpacked")
    assert git_commit() == ""


@pytest.mark.parametrize("missing", ["repository", "git"])
@pytest.mark.field("mlflow/mlflow#90", "git has to be installed")
def test_without_a_repository_or_without_git_there_is_none(tmp_path, monkeypatch, missing):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("here\n")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() == ""
    if missing == "git":
        git("init", "--quiet")
        git("add", ".")
        git("commit", "--quiet", "--message", "All")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert git_commit() == ""
