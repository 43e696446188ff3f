"""A checkout is the same bytes, however git is configured."""

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

FILES = (".gitattributes", "params.yaml", "dvc.yaml", "src/dl4ia/training/loop.py", "results/code.json")


@pytest.mark.field("treeverse/dvc#619", "hashes differ where git changes the ends of lines")
@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
def test_the_ends_of_lines_do_not_depend_on_the_user(tmp_path, autocrlf):
    origin = tmp_path / "origin"
    for name in FILES:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, origin / name)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "All"]):
        subprocess.run(["git", *words], cwd=origin, check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "-c", f"core.autocrlf={autocrlf}", origin, clone], check=True)
    for name in FILES:
        assert (clone / name).read_bytes() == (ROOT / name).read_bytes()
