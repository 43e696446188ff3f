"""The rules of the house."""

import ast
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from dl4ia.provenance import DECISIVE
from tests.conftest import ROOT

SOURCE = ROOT / "src" / "dl4ia"
FLOORS = [
    {"errors", "files", "config", "interrupts", "parallel", "records", "data", "metrics"},
    {"training", "models", "runs"},
    {"experiment", "provenance", "train", "evaluation", "tracking", "report", "progress"},
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


def stages(name):
    """Return a stage of dvc.yaml."""
    stage = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"][name]
    return stage.get("do", stage)


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


@pytest.mark.parametrize(
    ("module", "unused"),
    [("pipeline.train", {"matplotlib", "mlflow", "optuna", "sklearn"}), ("dl4ia.search.run", {"mlflow", "sklearn"})],
)
def test_what_takes_a_second_to_import_is_imported_where_it_is_used(module, unused):
    told = subprocess.check_output([sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], text=True)
    assert not {name.split(".")[0] for name in told.split()} & unused


def test_dvc_retrains_on_just_the_sources_that_name_a_run():
    sources = {dep.removeprefix("src/dl4ia/") for dep in stages("train")["deps"] if dep.startswith("src/")}
    assert sources == set(DECISIVE)
    assert stages("train-searched")["deps"] == stages("train")["deps"]


def test_dvc_searches_again_on_just_the_sources_that_decide_a_trial():
    sources = {dep.removeprefix("src/dl4ia/") for dep in stages("search")["deps"] if dep.startswith("src/")}
    of_digits = {"metrics/classification.py", "models/classifiers.py"}
    assert sources == set(DECISIVE) - of_digits | {"data/splits.py", "search/objective.py", "search/samplers.py"}


def test_neither_search_nor_training_has_a_path_to_a_test_set():
    for name in ("split", "search", "train", "train-searched"):
        assert not any("test" in dep for dep in stages(name)["deps"])


def test_the_winner_of_a_study_is_retrained_when_its_settings_change():
    for name in ("train-searched", "evaluate-searched"):
        assert {"${item.best}": ["settings"]} in stages(name)["params"]
