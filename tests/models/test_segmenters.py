"""The networks against the report's listing (Exercise 2.1) and list of layers (Exercise 2.2)."""

from itertools import pairwise, product

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in the listing)

from dl4ia.config import ConvDeconv
from dl4ia.experiment import network_for
from dl4ia.models.segmenters import Residual, conv_deconv


def listed(x, conv, up, *, last_upsampling=F.relu, logits=F.relu):
    x = F.relu(F.max_pool2d(conv[0](x), 2, stride=(2, 2)))
    x = F.relu(F.max_pool2d(conv[1](x), 2, stride=(2, 2)))
    x = F.relu(conv[2](x))
    x = F.relu(up[0](x))
    x = last_upsampling(up[1](x))
    return logits(conv[3](x))


def same(x):
    return x


@pytest.mark.parametrize(
    ("name", "quirks"),
    [
        ("warwick-baseline", {}),
        ("warwick-logits", {"logits": same}),
        ("warwick-combined", {"logits": same, "last_upsampling": same}),
    ],
)
def test_the_network_computes_what_is_listed(params, name, quirks):
    network = network_for(params.variant(name))
    conv = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    up = [layer for layer in network if isinstance(layer, nn.ConvTranspose2d)]
    images = torch.randn(2, 2, 128, 128)
    torch.testing.assert_close(network(images), listed(images, conv, up, **quirks))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("warwick-logits", [(8, 2, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (32, 16, 4, 4), (16, 8, 4, 4), (2, 8, 1, 1)]),
        (
            "warwick-combined",
            [(10, 2, 3, 3), (20, 10, 3, 3), (40, 20, 3, 3), (40, 20, 4, 4), (20, 10, 4, 4), (2, 10, 1, 1)],
        ),
        ("warwick-fewer-layers", [(8, 2, 3, 3), (16, 8, 3, 3), (16, 8, 4, 4), (2, 8, 1, 1)]),
        ("warwick-fewer-maps", [(4, 2, 3, 3), (8, 4, 3, 3), (16, 8, 3, 3), (16, 8, 4, 4), (8, 4, 4, 4), (2, 4, 1, 1)]),
    ],
)
def test_layers_have_the_listed_shapes(params, name, shapes):
    assert [tuple(p.shape) for p in network_for(params.variant(name)).parameters() if p.dim() > 1] == shapes


@pytest.mark.parametrize("name", ["warwick-fewer-layers", "warwick-logits", "warwick-more-layers"])
def test_logits_have_the_size_of_the_image(params, name):
    assert network_for(params.variant(name))(torch.randn(1, 2, 128, 128)).shape == (1, 2, 128, 128)


@pytest.mark.parametrize(
    ("name", "pools"), [("warwick-fewer-layers", 1), ("warwick-logits", 2), ("warwick-more-layers", 3)]
)
def test_there_are_as_many_upsamplings_as_pools(params, name, pools):
    network = network_for(params.variant(name))
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in network) == pools
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in network) == pools


def segmenter(**changes):
    plain = {"kind": "conv-deconv", "width": 3, "levels": 2, "batch_norm": False, "skip_connections": False,
             "residual": False, "relu_after_last_upsampling": True, "relu_on_logits": False}  # fmt: skip
    return conv_deconv(ConvDeconv(**plain | changes))


@pytest.mark.parametrize("switches", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("levels", [1, 3])
def test_every_combination_gives_logits_of_the_size_of_the_image_and_trains_all_its_weights(switches, levels):
    batch_norm, skip_connections, residual = switches
    network = segmenter(levels=levels, batch_norm=batch_norm, skip_connections=skip_connections, residual=residual)
    logits = network(torch.randn(2, 2, 128, 128))
    assert logits.shape == (2, 2, 128, 128)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_skip_connections_bring_the_encoders_features_beside_the_decoders():
    network = segmenter(levels=1, skip_connections=True)
    convolution, _, concatenated, last = network
    pool, inner, _, up, _ = concatenated.layers
    images = torch.randn(2, 2, 128, 128)
    features = F.relu(convolution(images))
    upsampled = F.relu(up(F.relu(inner(pool(features)))))
    torch.testing.assert_close(network(images), last(torch.cat([features, upsampled], dim=1)))


def test_a_residual_block_adds_what_went_in():
    block = next(layer for layer in segmenter(residual=True) if isinstance(layer, Residual))
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(1, 3, 8, 8)
    assert torch.equal(block(features), F.relu(features))


def test_batch_norm_follows_each_convolution_and_each_upsampling():
    network = segmenter(batch_norm=True)
    after = {type(layer) for layer, next_ in pairwise(network) if isinstance(next_, nn.BatchNorm2d)}
    assert after == {nn.Conv2d, nn.ConvTranspose2d}
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in network) == 5
