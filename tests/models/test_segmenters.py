"""The networks against the report's listing (Exercise 2.1) and list of layers (Exercise 2.2)."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in the listing)

from dl4ia.experiment import network_for


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
