"""Networks as ONNX files, which onnxruntime computes as PyTorch does."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession
from torch import nn

from dl4ia.base.errors import UserError
from dl4ia.cli import run
from dl4ia.export import OPSET, Standardization, _check, _converted, export
from dl4ia.models.network import NETWORKS
from dl4ia.runs.experiment import Standardizer
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.saved_model import SavedModel, champion_folder
from dl4ia.runs.train import Experiment, train_all
from tests.conftest import ROOT, shortened
from tests.runs.inline import Inline

TRAINED = {"mlp": "mnist-fc", "cnn": "mnist-cnn", "conv-deconv": "warwick-combined"}  # the champions are of the others


def computed(path, images):
    (probabilities,) = InferenceSession(path).run(["probabilities"], {"images": images.astype(np.float32)})
    return probabilities


@pytest.fixture(scope="module", params=["mnist", "warwick"])
def champion(request, tmp_path_factory):
    """A champion, and its file."""
    folder = champion_folder(request.param, ROOT)
    return SavedModel.load(folder), export(str(folder), tmp_path_factory.mktemp("onnx") / "champion.onnx")


@pytest.mark.slow
def test_a_champion_gives_what_it_gives_in_predict_for_any_number_of_raw_images(champion, digits, glands):
    model, path = champion
    images = (digits if model.task.name == "mnist" else glands).images
    for count in (1, 4):
        expected = model.probabilities(images[-count:])
        np.testing.assert_allclose(computed(path, images[-count:]), expected, atol=1e-4)
        assert np.ptp(expected) > 0.5  # so that it matters which image, and which class


@pytest.mark.slow
def test_the_file_states_what_it_is_and_what_it_takes(champion):
    model, path = champion
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert [each.version for each in proto.opset_import if not each.domain] == [OPSET]
    about = {each.key: each.value for each in proto.metadata_props}
    assert (about["model"], about["task"]) == (model.name, model.task.name)
    assert json.loads(about["classes"]) == list(model.task.classes)
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", about["git_commit"])
    takes = {
        "mnist": r"images \(n, 1, 28, 28\), float32, .* \(ink\)",
        "warwick": r"images \(n, 2, 128, 128\), .* eosin .*",
    }
    assert re.match(takes[model.task.name], about["input"])


@pytest.mark.slow
def test_weights_are_in_the_file_once(champion):
    model, path = champion
    weights = sum(4 * parameter.numel() for parameter in model.network.parameters())
    assert weights < path.stat().st_size < weights + 200_000


@pytest.mark.parametrize(
    "standardizer", [Standardizer(), Standardizer((3.0, 5.0), (2.0, 4.0))], ids=["image", "training set"]
)
def test_the_layer_standardises_as_in_training(standardizer):
    images = np.random.default_rng(0).normal(7, 3, (4, 2, 8, 8)).astype(np.float32)
    images[0, 1] = 5  # of a single colour
    torch.testing.assert_close(Standardization(standardizer)(torch.from_numpy(images)), standardizer.apply(images))


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAINED)
def test_networks_of_other_kinds_that_are_trained_here_are_written(kind, layout, params, digits, glands):
    variant = shortened(params.variant(TRAINED[kind]))
    experiment = Experiment(TRAINED[kind], variant, 0, layout)
    train_all([experiment], Inline(), lambda event: None)
    assert experiment.run.config().settings["network"]["kind"] == kind
    path = export(str(experiment.run.path), layout.root / "deep" / "network.onnx")
    images = (digits if variant.task == "mnist" else glands).images[:3]
    expected = SavedModel.load(experiment.run.path).probabilities(images)
    np.testing.assert_allclose(computed(path, images), expected, atol=1e-4)


def test_every_kind_of_network_is_tried():
    champions = [RunDirectory(champion_folder(task, ROOT)).config() for task in ("mnist", "warwick")]
    assert {*TRAINED, *(config.settings["network"]["kind"] for config in champions)} == set(NETWORKS)


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_refused(champion):
    model, path = champion
    changed = SavedModel.load(champion_folder(model.task.name, ROOT))
    _check(path.read_bytes(), changed)
    list(changed.network.parameters())[-1].data[0] += 1e-2
    with pytest.raises(UserError, match=r"differ from PyTorch's by 0\.00\d+, expected at most 0.0001: nothing is writ"):
        _check(path.read_bytes(), changed)


def test_a_network_that_onnx_cannot_state_is_one_line():
    class Undecided(nn.Module):
        def forward(self, images):
            return images.mean((2, 3)).repeat(1, 10) if images.sum() > 0 else images.amax((2, 3)).repeat(1, 10)

    with pytest.raises(UserError, match="^mnist-best/seed-0: its network cannot be written as ONNX: .+$"):
        _converted(replace(SavedModel.load(champion_folder("mnist", ROOT)), network=Undecided()))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_named_before_anything_takes_long(package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as end:
        run(["export", "mnist", "--out", str(tmp_path / "network.onnx")])
    assert end.value.code == f"error: {package} is not installed: `pip install 'dl4ia[export]'`"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_names_the_file_after_the_network(tmp_path, monkeypatch, capsys):
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    run(["export", "mnist"])
    assert capsys.readouterr().out.startswith("mnist.onnx: checked with onnxruntime")
    about = {each.key: each.value for each in onnx.load("mnist.onnx").metadata_props}
    assert (about["model"], about["git_commit"]) == ("mnist-best/seed-0", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mnist.onnx", "models"]


@pytest.mark.slow
@pytest.mark.parametrize("champion", ["warwick"], indirect=True)
def test_the_example_of_the_documentation_works(champion, tmp_path, monkeypatch, capsys):
    _, path = champion
    page = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(import numpy.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glands.onnx").symlink_to(path)
    exec(compile(block, "predict.md", "exec"), {})
    about, shape = capsys.readouterr().out.splitlines()
    assert "haematoxylin" in about
    assert shape == "(3, 2, 128, 128)"
