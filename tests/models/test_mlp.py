import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (as in the report's listing)

from dl4ia.models import Mlp, Signature
from dl4ia.models.network import weight_count

DIGITS = Signature(channels=1, height=28, width=28, classes=10, dense=False)


def test_the_network_computes_what_is_listed():
    network = Mlp(kind="mlp", hidden=(80, 40)).build(DIGITS)
    images = torch.randn(5, 1, 28, 28)
    x = images.view(5, -1)
    x = F.relu(network.fc1(x))
    x = F.relu(network.fc2(x))
    assert torch.equal(network(images), network.fc3(x))


def test_weights_are_as_many_as_the_report_counts():
    assert weight_count(Mlp(kind="mlp", hidden=(80, 40)).build(DIGITS)) == 66_320


def test_inputs_and_outputs_are_those_of_the_signature():
    network = Mlp(kind="mlp", hidden=(7,)).build(Signature(channels=3, height=4, width=5, classes=2, dense=False))
    assert [(layer.in_features, layer.out_features) for layer in (network.fc1, network.fc2)] == [(60, 7), (7, 2)]


def test_hidden_layers_are_needed():
    with pytest.raises(ValueError, match="hidden"):
        Mlp(kind="mlp", hidden=())
