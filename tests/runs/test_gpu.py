"""Trainings on a GPU (`make test-gpu`): losses as on a CPU, the same weights again, resumed on either."""

import pytest
import torch
from torch import nn

from dl4ia.base.errors import StoppedError
from dl4ia.data.augmentation import AUGMENTATIONS
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.experiment import Standardizer, fit_network
from dl4ia.runs.train import Experiment, train_all
from dl4ia.training import loop
from dl4ia.training.callbacks import Callback
from dl4ia.training.checkpoint import Checkpointer
from dl4ia.training.cuda_graph import CudaGraph
from dl4ia.training.losses import LOSSES
from tests.conftest import shortened

pytestmark = pytest.mark.gpu
NAMES = ["mnist-cnn", "mnist-fc", "warwick-combined", "warwick-unet", "warwick-residual"]


@pytest.fixture(autouse=True)
def _float32():
    """Compute in float32: by default convolutions on a GPU round their inputs to ten bits (TF32)."""
    before = torch.backends.cudnn.conv.fp32_precision
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    yield
    torch.backends.cudnn.conv.fp32_precision = before


class Curve(Callback):
    """Keeps the loss of each point, and stops by itself once there are `most`."""

    def __init__(self, most=None):
        self.losses, self.most = [], most

    def on_point(self, training, point):  # noqa: ARG002
        self.losses.append(point.metrics["train/loss"])

    @property
    def full(self):
        return len(self.losses) == self.most


def fit(layout, variant, device, *callbacks):
    data, split = Experiment("any", variant, 0, layout).data()
    standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
    return fit_network(variant, 0, data, split, standardizer, torch.device(device), callbacks)


def weights(network):
    return {name: value.cpu() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_a_cpu(params, layout, name):
    variant = shortened(params.variant(name), iterations=50, evaluate_every=5)
    on_cpu, on_gpu = Curve(), Curve()
    fit(layout, variant, "cpu", on_cpu)
    fit(layout, variant, "cuda", on_gpu)
    assert len(on_gpu.losses) == 10
    assert on_gpu.losses[:2] == pytest.approx(on_cpu.losses[:2], rel=1e-3)
    assert on_gpu.losses == pytest.approx(on_cpu.losses, rel=0.03)  # what rounding has grown to


def test_the_same_seed_gives_the_same_weights_twice(params, layout):
    """Not of the report's networks: PyTorch adds the gradients of reflected borders in any order on a GPU."""
    variant = shortened(params.variant("warwick-unet"), iterations=20)
    one, other = (weights(fit(layout, variant, "cuda")) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


class Resumed(Checkpointer):
    """Notes at which iteration it resumed a training."""

    step = 0

    def on_start(self, training):
        super().on_start(training)
        self.step = training.step


@pytest.mark.parametrize("second", ["cuda", "cpu"])
def test_an_interrupted_training_continues_on_either(params, layout, tmp_path, second):
    variant = shortened(params.variant("warwick-unet"), iterations=20, evaluate_every=5)
    whole, part, rest = Curve(), Curve(2), Curve()
    expected = weights(fit(layout, variant, "cuda", whole))
    with pytest.raises(StoppedError):
        fit(layout, variant, "cuda", part, Checkpointer(tmp_path, lambda: part.full))
    resumed = Resumed(tmp_path, lambda: False)
    actual = weights(fit(layout, variant, second, resumed, rest))
    assert 0 < resumed.step < 20
    assert rest.losses == pytest.approx(whole.losses, rel=1e-6 if second == "cuda" else 0.03)
    if second == "cuda":
        assert all(torch.equal(expected[name], actual[name]) for name in expected)


def test_workers_train_on_it_and_say_so(params, layout):
    experiments = [Experiment("mnist-fc", shortened(params.variant("mnist-fc")), seed, layout) for seed in range(2)]
    train_all(experiments, LocalProcesses(2), lambda _: None)
    assert {experiment.run.status().device for experiment in experiments} == {torch.cuda.get_device_name()}


@pytest.fixture
def recorded(monkeypatch):
    """Whether the iterations of each training that follows were recorded, once it has ended."""
    graphs = []

    def recording(compute):
        graphs.append(CudaGraph(compute))
        return graphs[-1]

    monkeypatch.setattr(loop, "CudaGraph", recording)
    return lambda: [graph.recorded for graph in graphs]


@pytest.mark.parametrize("name", NAMES)
def test_the_iterations_of_every_network_are_recorded(params, layout, recorded, name):
    fit(layout, shortened(params.variant(name), iterations=10), "cuda")
    assert recorded() == [True]


def test_recorded_iterations_are_the_same_to_the_bit(params, layout, recorded, monkeypatch):
    rich = {
        "max_gradient_norm": 1.0, "ema_decay": 0.9,
        "loss": LOSSES["cross-entropy-dice"].model_validate({"kind": "cross-entropy-dice"}),
        "augmentation": [
            AUGMENTATIONS["quarter-turns"].model_validate({"kind": "quarter-turns"}),
            AUGMENTATIONS["affine"].model_validate({"kind": "affine", "degrees": 180, "scale": 0.2}),
            AUGMENTATIONS["elastic"].model_validate({"kind": "elastic", "strength": 4, "smoothness": 32}),
            AUGMENTATIONS["stain-jitter"].model_validate({"kind": "stain-jitter", "scale": 0.2, "shift": 0.8}),
        ],
    }  # fmt: skip
    variant = shortened(params.variant("warwick-unet"), iterations=30, evaluate_every=10, **rich)
    replayed, called = Curve(), Curve()
    expected = weights(fit(layout, variant, "cuda", replayed))
    assert recorded() == [True]
    monkeypatch.setattr(loop, "CudaGraph", lambda compute: compute)
    actual = weights(fit(layout, variant, "cuda", called))
    # PyTorch sums the loss of the pixels in any order; gradients do not depend on that.
    assert replayed.losses == pytest.approx(called.losses, rel=1e-6)
    assert all(torch.equal(expected[name], actual[name]) for name in expected)


class Sceptical(nn.Sequential):
    """A network that looks at a value on the way, so that Python can decide what comes next."""

    def forward(self, images):
        logits = super().forward(images)
        return logits if float(logits.detach().square().sum()) > 0 else -logits


def test_a_network_that_cannot_be_recorded_is_trained_all_the_same(params, layout, recorded, monkeypatch):
    variant = shortened(params.variant("mnist-fc"), iterations=10, evaluate_every=5)
    plain, sceptical = Curve(), Curve()
    expected = weights(fit(layout, variant, "cuda", plain))
    build = type(variant.settings.network).build
    monkeypatch.setattr(type(variant.settings.network), "build", lambda *given: Sceptical(build(*given)))
    actual = weights(fit(layout, variant, "cuda", sceptical))
    assert recorded() == [True, False]
    assert sceptical.losses == plain.losses
    assert all(torch.equal(expected[name], actual[f"0.{name}"]) for name in expected)
