"""The networks against the report's listings (section 3), with the same weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in the listings)

from dl4ia.experiment import network_for
from dl4ia.models.layers import weight_count


def listed_mlp(x, linear):
    x = x.view(len(x), -1)
    x = F.relu(linear[0](x))
    x = F.relu(linear[1](x))
    return linear[2](x)


def relu_pool(x, activation=F.relu):
    return F.max_pool2d(activation(x), 2, stride=(2, 2))


def pool_relu(x, activation=F.relu):
    return activation(F.max_pool2d(x, 2, stride=(2, 2)))


def listed_cnn(x, conv, linear, block, activation=F.relu, norm=None):
    x = block(conv[0](x), activation)
    x = block(conv[1](x), activation)
    if norm is not None:
        x = norm(x)
    x = activation(conv[2](x))
    return linear[0](x.view(len(x), -1))


def listed_extra(x, conv, linear):
    for index in range(3):
        x = pool_relu(conv[index](x))
    x = F.relu(conv[3](x))
    return F.log_softmax(linear[0](x.view(len(x), -1)), dim=1)


def parts(network, kind):
    return [layer for layer in network if isinstance(layer, kind)]


LISTINGS = {
    "mnist-fc": lambda x, conv, linear, norm: listed_mlp(x, linear),
    "mnist-cnn": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, relu_pool),
    "mnist-pool-first": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, pool_relu),
    "mnist-adam": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, pool_relu),
    "mnist-batch-norm": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, pool_relu, norm=norm[0]),
    "mnist-extra-conv": lambda x, conv, linear, norm: listed_extra(x, conv, linear),
    "mnist-tanh": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, pool_relu, F.hardtanh),
    "mnist-relu-first": lambda x, conv, linear, norm: listed_cnn(x, conv, linear, relu_pool),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_the_network_computes_what_is_listed(params, name):
    network = network_for(params.variant(name))
    images = torch.randn(5, 1, 28, 28)
    listed = LISTINGS[name](
        images, parts(network, nn.Conv2d), parts(network, nn.Linear), parts(network, nn.BatchNorm2d)
    )
    torch.testing.assert_close(network(images), listed)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mnist-fc", [(80, 784), (40, 80), (10, 40)]),
        ("mnist-cnn", [(8, 1, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (10, 1568)]),
        ("mnist-extra-conv", [(8, 1, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3), (10, 576)]),
    ],
)
def test_layers_have_the_listed_shapes(params, name, shapes):
    network = network_for(params.variant(name))
    assert [tuple(p.shape) for p in network.parameters() if p.dim() > 1] == shapes


def test_convolutions_pad_by_reflection(params):
    for layer in parts(network_for(params.variant("mnist-cnn")), nn.Conv2d):
        assert (layer.padding, layer.padding_mode, layer.stride) == ((1, 1), "reflect", (1, 1))


@pytest.mark.parametrize(("name", "weights"), [("mnist-fc", 66_320), ("mnist-cnn", 21_512)])
def test_weights_are_as_many_as_the_report_counts(params, name, weights):
    assert weight_count(network_for(params.variant(name))) == weights


def test_pool_and_relu_in_either_order_compute_the_same(params):
    first, second = (network_for(params.variant(name)) for name in ("mnist-cnn", "mnist-pool-first"))
    second.load_state_dict(dict(zip(second.state_dict(), first.state_dict().values(), strict=True)))
    images = torch.randn(5, 1, 28, 28)
    assert torch.equal(first(images), second(images))
