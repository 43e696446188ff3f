"""Damaged saved models: what is wrong, in a line, and how to get them back."""

import json
import shutil
from pathlib import Path

import pytest

from dl4ia.base.errors import RunError
from dl4ia.runs.saved_model import SavedModel, champion_folder
from tests.conftest import ROOT

FOLDER = champion_folder("mnist")


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The champion of git, in a working copy of its own, to be damaged."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(champion_folder("mnist", ROOT), FOLDER)
    return FOLDER


def set_settings(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    config["settings"] |= changes
    (folder / "config.json").write_text(json.dumps(config))


DAMAGES = {
    "setting": (
        lambda folder: set_settings(folder, warmth=3),
        "config.json: it does not fit its weights or this code: settings.warmth: Extra inputs are not permitted",
    ),
    "network": (
        lambda folder: set_settings(folder, network={"kind": "mlp", "hidden": [8]}),
        "config.json: it does not fit its weights or this code: ",
    ),
    "truncated weights": (
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500]),
        "model.safetensors: not a readable safetensors file: ",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing; "),
    "truncated settings": (lambda folder: (folder / "config.json").write_text("{"), "config.json: Invalid JSON: "),
    "use": (
        lambda folder: (folder / "use.json").write_text('{"about": "", "test_time": "often"}'),
        "use.json: test_time: Input should be 'none', 'flips' or 'flips-and-turns'; ",
    ),
}


@pytest.mark.parametrize(("damage", "what"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_champion_is_restored_by_git_not_by_dvc(model, damage, what):
    damage(model)
    with pytest.raises(RunError) as caught:
        SavedModel.load(model)
    message = str(caught.value)
    assert message.startswith(f"{FOLDER}/{what}")
    assert message.endswith("; `git checkout -- models/mnist` restores it")
    assert "dvc repro" not in message
    assert "\n" not in message


def test_a_damaged_copy_of_a_model_is_copied_again(model):
    copy = Path(shutil.copytree(model, "mine"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"^mine/model.safetensors is missing; copy mine again from where it came from$"):
        SavedModel.load(copy)


def test_a_damaged_run_is_restored_by_dvc(model):
    run = Path(shutil.copytree(model, "out/runs/mnist-best/seed-0"))
    (run / "use.json").unlink()
    (run / "model.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=r"; delete out/runs/mnist-best and run `dvc repro`$"):
        SavedModel.load(run)
