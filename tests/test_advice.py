"""The commands that messages advise, those of `--help` and those in README and docs/: each is one that there is."""

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator

import mlflow.cli
import pytest
import typer
import yaml
from dvc.cli.parser import get_main_parser

from dl4ia.cli import run  # noqa: F401 (with all commands)
from dl4ia.cli.app import EXAMPLES, app
from tests.conftest import ROOT

PLACE = "mnist-cnn"  # stands for the name that a message puts there
PAGES = (
    "index", "variants", "studies", "predict", "core", "run-directory", "extending", "results", "data", "reruns",
    "sharing",
)  # fmt: skip
MENTIONED = {"dl4ia predict", "dl4ia train", "dl4ia search", "dvc remote modify --local team …"}  # no whole commands
MENTIONED |= {"dl4ia --install-completion"}  # which writes to the home folder
PROGRAMS = ("make", "dl4ia", "dvc", "mlflow", "optuna", "python", "git", "rm", "source")


def texts() -> Iterator[str]:
    """Return the string literals of the code, without docstrings; `PLACE` for what is put into them."""
    for path in [*(ROOT / "src" / "dl4ia").rglob("*.py"), *(ROOT / "pipeline").glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        others = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings, and parts
        others |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else PLACE for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in others:
                yield node.value


def advised() -> set[str]:
    """Return the commands in messages: what is in backquotes and begins with a program, or is a command by itself."""
    quoted = {command for text in texts() for command in re.findall(r"`([^`\n]+)`", text)}
    quoted |= {text for text in texts() if text.startswith("dvc repro ")}
    return {command for command in quoted if command.split()[0] in PROGRAMS and command not in PROGRAMS}


def examples() -> list[str]:
    """Return the examples of `dl4ia --help`, in its order."""
    return list(EXAMPLES)


def pages() -> dict[str, str]:
    """Return README.md and the pages of docs/ that say how to work with the project, in the order of reading."""
    names = ("README", *(f"docs/{name}" for name in PAGES))
    return {name: (ROOT / f"{name}.md").read_text(encoding="utf-8") for name in names}


def stated() -> list[str]:
    """Return the commands in the text of the pages, in their order; those of their blocks are run as printed."""
    text = re.sub(r"```.*?```", "", "\n".join(pages().values()), flags=re.DOTALL)
    quoted = re.findall(r"`([^`\n]+)`", text)
    known = [c for c in quoted if c.split()[0] in PROGRAMS and c not in PROGRAMS and c not in MENTIONED]
    return list(dict.fromkeys(known))


def test_there_are_some():
    assert {"dvc repro -f download", "make publish", f"dvc repro search@{PLACE}"} <= advised()
    assert {"dl4ia list", "dl4ia search joint --workers 2"} <= set(examples())
    assert {"make demo", "dvc repro code", "dl4ia --help"} <= set(stated())


@pytest.mark.parametrize("command", sorted(advised().union(examples(), stated())))
def test_a_command_that_is_advised_exists(command, monkeypatch):
    monkeypatch.setattr("sys.argv", ["dvc"])  # where its parser looks, too
    program, *words = shlex.split(command)
    match program:
        case "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert words[0] in targets
        case "dvc":
            targets = getattr(get_main_parser().parse_args(words), "targets", None)  # not of all commands
            stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
            assert {target.split("@")[0] for target in targets or ()} <= stages.keys()
        case "dl4ia":
            name, *rest = [word for word in words if word not in ("STAGE", "--help")] or ["list"]
            typer.main.get_command(app).commands[name].make_context(name, rest)
        case "python":
            assert words[0] == "-m"
            assert words[1].endswith(".STAGE") or importlib.util.find_spec(words[1])
        case "git":
            assert words[:2] == ["checkout", "--"]
        case "rm" | "source":
            assert words in (["-r", "out/checkpoints"], [".venv/bin/activate"])
        case "mlflow":
            group, name, place = words
            assert name in mlflow.cli.cli.commands[group].commands
            assert place == "{place}"  # as `errors.py` fills it in
        case _:
            pytest.fail("no check of this program: add one")
