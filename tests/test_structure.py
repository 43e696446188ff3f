"""The rules of the house."""

import ast

import pytest
from ruamel.yaml import YAML

from dl4ia.experiment import DECISIVE
from tests.conftest import ROOT

SOURCE = ROOT / "src" / "dl4ia"
FLOORS = [
    {"errors", "files", "config", "parallel", "data", "metrics"},
    {"training", "models", "runs"},
    {"experiment", "evaluation", "tracking", "report", "progress"},
    {"search"},
    {"cli"},
]
CORE = ("data", "models", "training", "metrics")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(name):
    return next(level for level, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_down(path):
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    used = {name.split(".")[1] for name in imported(path) if name.startswith("dl4ia.")}
    assert all(floor(other) <= floor(room) for other in used)
    assert not any(name.split(".")[0] == "pipeline" for name in imported(path))


@pytest.mark.parametrize("package", CORE)
def test_the_core_runs_without_tracking_search_and_dvc(package):
    for path in (SOURCE / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & {"mlflow", "optuna", "dvc"}, path


def test_dvc_retrains_on_just_the_sources_that_name_a_run():
    stage = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["train"]["do"]
    sources = {dep.removeprefix("src/dl4ia/") for dep in stage["deps"] if dep.startswith("src/")}
    assert sources == set(DECISIVE)


def test_training_has_no_path_to_a_test_set():
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    for name in ("split", "train"):
        stage = stages[name].get("do", stages[name])
        assert not any("test" in dep for dep in stage["deps"])
