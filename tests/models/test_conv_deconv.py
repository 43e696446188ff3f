"""The network of Exercises 2.1 and 2.2 against the report's listing and list of layers."""

from itertools import pairwise, product

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in the listing)

from dl4ia.models import ConvDeconv, Signature
from dl4ia.models.layers import Residual, pixelwise

GLANDS = Signature(channels=2, height=128, width=128, classes=2, dense=True)
SMALL = Signature(channels=2, height=32, width=32, classes=2, dense=True)


def listed(x, network, *, last_upsampling=F.relu, logits=F.relu):
    x = F.relu(F.max_pool2d(network.encoder[0].conv(x), 2, stride=(2, 2)))
    x = F.relu(F.max_pool2d(network.encoder[1].conv(x), 2, stride=(2, 2)))
    x = F.relu(network.bottom.conv(x))
    x = F.relu(network.decoder[0].up(x))
    x = last_upsampling(network.decoder[1].up(x))
    return logits(F.conv2d(x, network.head.weight, network.head.bias))


def unchanged(x):
    return x


@pytest.mark.parametrize(
    ("name", "quirks"),
    [
        ("warwick-baseline", {}),
        ("warwick-logits", {"logits": unchanged}),
        ("warwick-combined", {"logits": unchanged, "last_upsampling": unchanged}),
    ],
)
def test_the_network_computes_what_is_listed(params, name, quirks):
    network = params.variant(name).settings.network.build(GLANDS)
    images = torch.randn(2, 2, 128, 128)
    torch.testing.assert_close(network(images), listed(images, network, **quirks))


def test_weights_are_drawn_in_the_order_of_the_listing():
    torch.manual_seed(3)
    network = segmenter(width=8)
    torch.manual_seed(3)
    expected = [nn.Conv2d(2, 8, 3), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 32, 3), nn.ConvTranspose2d(32, 16, 4),
                nn.ConvTranspose2d(16, 8, 4), nn.Conv2d(8, 2, 1)]  # fmt: skip
    for weight, listed in zip(network.parameters(), nn.Sequential(*expected).parameters(), strict=True):
        assert torch.equal(weight, listed)


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
    network = params.variant(name).settings.network.build(GLANDS)
    assert [tuple(p.shape) for p in network.parameters() if p.dim() > 1] == shapes


def test_blocks_have_names():
    names = list(segmenter(levels=1, batch_norm=True, residual=True).state_dict())
    assert [name for name in names if name.endswith("weight")] == [
        "encoder.0.conv.weight", "encoder.0.norm.weight",
        "encoder.0.residual.conv1.weight", "encoder.0.residual.norm1.weight",
        "encoder.0.residual.conv2.weight", "encoder.0.residual.norm2.weight",
        "bottom.conv.weight", "bottom.norm.weight",
        "bottom.residual.conv1.weight", "bottom.residual.norm1.weight",
        "bottom.residual.conv2.weight", "bottom.residual.norm2.weight",
        "decoder.0.up.weight", "decoder.0.norm.weight",
        "decoder.0.residual.conv1.weight", "decoder.0.residual.norm1.weight",
        "decoder.0.residual.conv2.weight", "decoder.0.residual.norm2.weight",
        "head.weight",
    ]  # fmt: skip


def test_convolutions_pad_by_reflection():
    for layer in segmenter(residual=True).modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            assert (layer.padding, layer.padding_mode) == ((1, 1), "reflect")


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_there_are_as_many_upsamplings_as_pools(levels):
    network = segmenter(levels=levels)
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in network.modules()) == levels
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in network.modules()) == levels


def segmenter(**changes):
    settings = {"kind": "conv-deconv", "width": 3, "levels": 2}
    return ConvDeconv(**settings | changes).build(SMALL)


@pytest.mark.parametrize("switches", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("levels", [1, 3])
def test_every_combination_gives_logits_of_the_size_of_the_image_and_trains_all_its_weights(switches, levels):
    batch_norm, skip_connections, residual = switches
    network = segmenter(levels=levels, batch_norm=batch_norm, skip_connections=skip_connections, residual=residual)
    logits = network(torch.randn(2, 2, 32, 32))
    assert logits.shape == (2, 2, 32, 32)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_skip_connections_bring_the_encoders_features_beside_the_decoders():
    network = segmenter(levels=1, skip_connections=True)
    images = torch.randn(2, 2, 32, 32)
    features = F.relu(network.encoder[0].conv(images))
    inner = F.relu(network.bottom.conv(F.max_pool2d(features, 2)))
    upsampled = F.relu(network.decoder[0].up(inner))
    torch.testing.assert_close(network(images), network.head(torch.cat([features, upsampled], dim=1)))


def test_a_residual_block_adds_what_comes_in():
    block = Residual(3, batch_norm=False)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(1, 3, 8, 8)
    assert torch.equal(block(features), F.relu(features))


def test_batch_norm_follows_each_convolution_and_each_upsampling():
    layers = [layer for layer in segmenter(batch_norm=True).modules() if not list(layer.children())]
    after = {type(layer) for layer, next_ in pairwise(layers) if isinstance(next_, nn.BatchNorm2d)}
    assert after == {nn.Conv2d, nn.ConvTranspose2d}
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in layers) == 5


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_pixelwise_convolution_computes_what_one_without_dilation_does_and_has_its_gradients(layout):
    layer = pixelwise(5, 3).to(memory_format=layout)
    images = torch.randn(4, 5, 16, 12).contiguous(memory_format=layout)
    results = []
    for forward in (layer, lambda features: F.conv2d(features, layer.weight, layer.bias)):
        layer.zero_grad()
        features = images.clone().requires_grad_()
        outputs = forward(features)
        outputs.square().mean().backward()
        results.append([outputs, features.grad, layer.weight.grad.clone(), layer.bias.grad.clone()])
    for value, expected in zip(*results, strict=True):
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ("size", "levels", "message"),
    [
        ((128, 128), 7, "7 poolings of a 128x128 image leave less than 2 pixels per side: levels can be at most 6"),
        ((2, 2), 3, "3 poolings of a 2x2 image leave less than 2 pixels per side: levels can be at most 0"),
        ((96, 100), 3, "3 poolings of a 96x100 image leave a remainder: .* multiples of 8, so levels can be at most 2"),
    ],
)
def test_images_that_cannot_be_pooled_so_often_are_refused(size, levels, message):
    height, width = size
    with pytest.raises(ValueError, match=message):
        ConvDeconv(kind="conv-deconv", width=2, levels=levels).check(Signature(2, height, width, 2, dense=True))
