"""The rules of the house."""

import re
import subprocess
import sys

import pytest
from importlinter.cli import lint_imports
from ruamel.yaml import YAML

from dl4ia import config
from dl4ia.config.settings import AddedCopies, Settings
from dl4ia.config.variants import Row
from tests.conftest import ROOT

PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
RESULTS = {"calibration.csv", "confusion.csv", "curves.csv", "images.csv", "metrics.csv", "metrics.json", "runs.json"}
STUDY_RESULTS = {"best.yaml", "curves.csv", "importances.csv", "trials.csv"}


def stage(name):
    """Return a stage of dvc.yaml."""
    definition = PIPELINE["stages"][name]
    return definition.get("do", definition)


def names(entries):
    """Return the paths of outputs, whose options DVC has beside them."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def outputs(name, *, in_git):
    """Return the outputs of a stage that git keeps, or that DVC does."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage(name).get(kind, [])]
    kept = [entry for entry in entries if isinstance(entry, dict) and not next(iter(entry.values()))["cache"]]
    return set(names(kept if in_git else [entry for entry in entries if entry not in kept]))


def test_imports_point_down(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("dl4ia.cli", {"torch", "numpy", "pandas", "pydantic"}),
        ("dl4ia.stages, dl4ia.runs.train", {"matplotlib", "mlflow", "optuna", "sklearn", "torchvision"}),
        ("dl4ia.search.run", {"matplotlib", "mlflow", "sklearn", "torchvision"}),
    ],
)
def test_what_takes_a_second_to_import_is_imported_where_it_is_used(module, unused):
    loaded = subprocess.check_output([sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], text=True)
    assert not {name.split(".")[0] for name in loaded.split()} & unused


def test_a_stage_script_is_short():
    for path in (ROOT / "pipeline").glob("*.py"):
        if path.name != "demo.py":
            assert len(path.read_text().splitlines()) < 40, path


def test_neither_search_nor_training_has_a_path_to_a_test_set():
    allowed = ("code", "download", "evaluate", "champion", "report")
    names = [name for name in PIPELINE["stages"] if not name.startswith(allowed)]
    assert {"split", "split-folder", "search", "search-finals", "train", "train-searched"} <= {*names}
    for name in names:
        data = [dependency for dependency in stage(name)["deps"] if dependency.startswith("out/dataset")]
        assert all(dependency.endswith("-train.npz") for dependency in data)
        assert not any("test" in dependency for dependency in stage(name)["deps"])
        assert all("test" not in str(parameter) for parameter in stage(name)["params"])
    assert any("test" in dependency for dependency in stage("evaluate")["deps"])


@pytest.mark.parametrize("name", sorted(PIPELINE["stages"].keys() - {"code"}))
def test_every_stage_depends_on_the_version_of_its_code(name):
    kind = name.split("-")[0]
    key = kind if kind == "report" else f"{kind}.${{key}}"
    assert {"results/code.json": [key]} in stage(name)["params"]


@pytest.mark.parametrize("name", ["evaluate", "evaluate-searched", "evaluate-ensemble"])
def test_results_are_text_that_git_keeps(name):
    assert outputs(name, in_git=True) == {f"results/${{key}}/{file}" for file in RESULTS}
    assert outputs(name, in_git=False) == {"out/evaluation/${key}"}


def test_what_a_study_found_is_text_that_git_keeps():
    assert outputs("search", in_git=True) == {f"results/search/${{key}}/{file}" for file in STUDY_RESULTS}


def test_training_depends_on_its_settings_and_on_no_others():
    assert stage("train")["params"][:3] == [
        "seeds.${item.task}",
        "defaults.${item.task}",
        "variants.${key}.settings",
    ]
    assert {"${item.best}": ["settings"]} in stage("train-searched")["params"]
    assert stage("train")["deps"] == stage("train-searched")["deps"] == stage("search")["deps"]


def test_the_device_is_no_dependency():
    assert not re.search(r"\bdevice\b", str(PIPELINE))


def test_the_artifacts_are_the_models_of_the_champions():
    params = config.load(ROOT / "params.yaml")
    paths = {artifact["path"] for artifact in PIPELINE["artifacts"].values()}
    assert paths == {f"models/{task}/model.safetensors" for task in params.champions}
    assert stage("champion")["deps"] == ["out/runs/${item}"]


def test_neutral_defaults_are_these():
    """Keys leave out what is at its default: another default would change results without changing a key.

    A setting that is added here is neutral: without it, a training is what it was before.
    """
    neutral = {
        name: field.default if not hasattr(field.default, "model_dump") else field.default.model_dump()
        for name, field in (Settings.model_fields | AddedCopies.model_fields | Row.model_fields).items()
        if not field.is_required()
    }
    assert neutral == {
        "schedule": {"kind": "constant"},
        "loss": {"kind": "cross-entropy", "label_smoothing": 0.0},
        "standardization": "training-set",
        "added_copies": {"flips": False, "rotations": False, "before_split": False},
        "augmentation": (),
        "ema_decay": 0.0,
        "max_gradient_norm": None,
        "flips": False,
        "rotations": False,
        "before_split": False,
        "test_time": "none",
        "group": "report",
        "objects": None,
        "compared_with": (),
    }
