"""Logged models: raw images in, the network's logits out, with PyTorch and MLflow alone."""

import subprocess
import sys

import mlflow
import numpy as np
import pytest
import torch
from torch import nn

from dl4ia.data.imageset import ImageSet
from dl4ia.runs.experiment import Standardizer, network_of
from dl4ia.runs.predictions import trained
from dl4ia.runs.train import experiments
from dl4ia.tasks import task_of
from dl4ia.tracking.served import Standardization
from tests.tracking.conftest import NAME, client_of, runs_of


@pytest.fixture(scope="session")
def address(public):
    """The address of the model of the first seed."""
    run = runs_of(public)[f"{NAME}/seed-0"]
    return f"models:/{run.outputs.model_outputs[0].model_id}"


@pytest.fixture(autouse=True)
def _address_of_the_user(public, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{public.root}/mlflow.db")


@pytest.fixture
def model(address):
    return mlflow.pytorch.load_model(address)


@pytest.fixture
def expected(public, short):
    """Raw test images, and what the trained network makes of them."""
    images = ImageSet.load(public.dataset("mnist", "test")).images[:5]
    network, standardizer = trained(experiments(short, [NAME], public)[0])
    return images, network.eval()(standardizer.apply(images)).detach()


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_raw_images_of_any_numeric_type_give_the_networks_logits(model, expected, kind):
    images, logits = expected
    torch.testing.assert_close(model(torch.from_numpy(images.astype(kind))), logits)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_any_number_of_images_is_taken(model, expected, count):
    images, logits = expected
    torch.testing.assert_close(model(torch.from_numpy(images[:count])), logits[:count])


@pytest.mark.field("mlflow/mlflow#9680", "the logged model refuses its input for the type of its numbers")
def test_mlflows_own_interface_takes_raw_images_of_the_type_of_the_data(public, address, expected):
    images, logits = expected
    assert images.dtype == np.uint8
    np.testing.assert_allclose(mlflow.pyfunc.load_model(address).predict(images), logits, rtol=1e-4)


def test_the_model_says_what_it_takes(public, address):
    info = mlflow.models.get_model_info(address)
    about = info.metadata["input"]
    assert about.startswith("Takes raw images of MNIST (n, 1, 28, 28), as in out/dataset/mnist-train.npz")
    (model,) = [m for m in client_of(public).search_logged_models(_experiments(public)) if address.endswith(m.model_id)]
    assert model.tags["mlflow.note.content"] == about
    assert str(info.signature.inputs.inputs[0]) == "Tensor('uint8', (-1, 1, 28, 28))"


def test_the_model_has_a_name_and_the_final_metrics_of_its_run(public):
    models = {model.name: model for model in client_of(public).search_logged_models(_experiments(public))}
    assert set(models) == {f"{NAME}-seed-0", f"{NAME}-seed-1"}
    run = runs_of(public)[f"{NAME}/seed-0"]
    metrics = {metric.key: metric.value for metric in models[f"{NAME}-seed-0"].metrics}
    assert metrics == {
        name: value for name, value in run.data.metrics.items() if not name.startswith(("curve", "sched"))
    }


def _experiments(public):
    return [runs_of(public)[f"{NAME}/seed-0"].info.experiment_id]


@pytest.mark.system
def test_this_project_is_not_needed_to_load_it(public, address, expected, tmp_path):
    images, logits = expected
    np.savez(tmp_path / "images.npz", images=images, logits=logits)
    code = (
        "import sys, mlflow, numpy, torch\n"
        f"mlflow.set_tracking_uri('sqlite:///{public.root}/mlflow.db')\n"
        f"arrays = numpy.load('{tmp_path / 'images.npz'}')\n"
        f"logits = mlflow.pytorch.load_model('{address}')(torch.from_numpy(arrays['images']))\n"
        "numpy.testing.assert_allclose(logits.detach(), arrays['logits'], rtol=1e-4)\n"
        "assert not [name for name in sys.modules if name.startswith('dl4ia')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    "standardizer", [Standardizer(), Standardizer((3.0, 5.0), (2.0, 4.0))], ids=["image", "training set"]
)
def test_the_layer_standardises_as_in_training(standardizer):
    images = np.random.default_rng(0).normal(7, 3, (4, 2, 8, 8)).astype(np.float32)
    images[0, 1] = 5  # of a single colour
    layer = Standardization(standardizer)
    torch.testing.assert_close(layer(torch.from_numpy(images)), standardizer.apply(images))
    torch.testing.assert_close(layer(torch.from_numpy(images).double()), standardizer.apply(images))


def exported(network, shape):
    """Return the network behind a standardisation of each image, as MLflow saves and loads it."""
    served = nn.Sequential(Standardization(Standardizer()), network).eval()
    example = torch.zeros(2, *shape, dtype=torch.uint8)
    program = torch.export.export(served, (example,), dynamic_shapes=[{0: torch.export.Dim.AUTO}])
    return served, program.module()


@pytest.mark.parametrize("name", ["mnist-fc", "mnist-batch-norm", "warwick-combined"])
def test_networks_of_every_kind_are_exported_with_it(params, name):
    variant = params.variant(name)
    signature = task_of(variant.task).signature
    served, program = exported(network_of(variant), (signature.channels, signature.height, signature.width))
    images = torch.rand(3, signature.channels, signature.height, signature.width, dtype=torch.float64)
    torch.testing.assert_close(program(images), served(images))


def test_a_network_of_ones_own_is_exported_with_it():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, images):
            return torch.cat([images, images + self.convolution(images)], dim=1)

    served, program = exported(Residual(), (1, 8, 8))
    images = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(program(images), served(images))
