"""The convolutional networks against the report's listings (section 3), with the same weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in the listings)

from dl4ia.models import Cnn, Signature
from dl4ia.models.cnn import ActivationThenPool
from dl4ia.models.network import weight_count

DIGITS = Signature(channels=1, height=28, width=28, classes=10, dense=False)


def cnn(**changes):
    return Cnn(**{"kind": "cnn", "feature_maps": (8, 16, 32), "pools": 2} | changes)


def relu_pool(x, activation=F.relu):
    return F.max_pool2d(activation(x), 2, stride=(2, 2))


def pool_relu(x, activation=F.relu):
    return activation(F.max_pool2d(x, 2, stride=(2, 2)))


def listed(x, network, block, activation=F.relu):
    x = block(network.conv1(x), activation)
    x = block(network.conv2(x), activation)
    if hasattr(network, "norm3"):
        x = network.norm3(x)
    x = activation(network.conv3(x))
    return network.fc(x.view(len(x), -1))


def listed_extra(x, network):
    for conv in (network.conv1, network.conv2, network.conv3):
        x = pool_relu(conv(x))
    x = F.relu(network.conv4(x))
    return F.log_softmax(network.fc(x.view(len(x), -1)), dim=1)


LISTINGS = {
    "mnist-cnn": lambda x, network: listed(x, network, relu_pool),
    "mnist-pool-first": lambda x, network: listed(x, network, pool_relu),
    "mnist-adam": lambda x, network: listed(x, network, pool_relu),
    "mnist-batch-norm": lambda x, network: listed(x, network, pool_relu),
    "mnist-extra-conv": listed_extra,
    "mnist-tanh": lambda x, network: listed(x, network, pool_relu, F.hardtanh),
    "mnist-relu-first": lambda x, network: listed(x, network, relu_pool),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_the_network_computes_what_is_listed_and_has_its_gradients(params, name):
    network = params.variant(name).settings.network.build(DIGITS)
    images = torch.randn(5, 1, 28, 28)
    logits = []
    for forward in (network, lambda images: LISTINGS[name](images, network)):
        network.zero_grad()
        logits.append(forward(images))
        logits[-1].logsumexp(1).sum().backward()
        logits.append([parameter.grad.clone() for parameter in network.parameters()])
    assert torch.equal(logits[0], logits[2])
    for gradient, expected in zip(logits[1], logits[3], strict=True):
        assert torch.equal(gradient, expected)


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, [(8, 1, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (10, 1568)]),
        (
            {"feature_maps": (8, 16, 32, 64), "pools": 3},
            [(8, 1, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3), (10, 576)],
        ),
    ],
)
def test_layers_have_the_listed_shapes(settings, shapes):
    assert [tuple(p.shape) for p in cnn(**settings).build(DIGITS).parameters() if p.dim() > 1] == shapes


def test_weights_are_as_many_as_the_report_counts():
    assert weight_count(cnn().build(DIGITS)) == 21_512


def test_convolutions_pad_by_reflection():
    for layer in cnn().build(DIGITS).modules():
        if isinstance(layer, nn.Conv2d):
            assert (layer.padding, layer.padding_mode, layer.stride) == ((1, 1), "reflect", (1, 1))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Hardtanh])
def test_activation_then_pool_is_that_to_the_bit_where_values_tie_too(activation, layout):
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-3, 4, (6, 3, 8, 8), generator=generator).float().contiguous(memory_format=layout) / 2
    weights = torch.randn(6, 3, 4, 4, generator=generator)
    pool, results = nn.MaxPool2d(2, stride=2), []
    for block in (ActivationThenPool(activation(inplace=True), pool), nn.Sequential(activation(), pool)):
        features = values.clone().requires_grad_()
        pooled = block(features)
        (gradient,) = torch.autograd.grad((weights * pooled).sum(), features)
        results.append((pooled, gradient))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert results[0][1].count_nonzero() > 50


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pools": 4}, "pools 4 is more than the 3 convolutions of feature_maps"),
        ({"batch_norm_before": (4,)}, r"batch_norm_before \[4\] names a convolution that is not in feature_maps"),
        ({"activation": "tanh"}, "activation"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        cnn(**settings)


def test_images_that_are_too_small_for_the_pools_are_refused():
    tiny = Signature(channels=1, height=4, width=6, classes=10, dense=False)
    cnn(pools=1).check(tiny)
    with pytest.raises(
        ValueError, match="2 poolings of a 4x6 image leave less than 2 pixels .*: pools can be at most 1"
    ):
        cnn(pools=2).check(tiny)


def test_a_last_pool_may_leave_one_pixel():
    tiny = Signature(channels=1, height=8, width=8, classes=10, dense=False)
    cnn(pools=3).check(tiny)
    assert cnn(pools=3).build(tiny)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    with pytest.raises(ValueError, match="4 poolings of a 8x8 image leave less than 1 pixel.*at most 3"):
        cnn(feature_maps=(1, 1, 1, 1), pools=4).check(tiny)
