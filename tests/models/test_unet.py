import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (as in PyTorch's documentation)
from torch.utils.flop_counter import FlopCounterMode

from dl4ia.models import Signature, UNet

GLANDS = Signature(channels=2, height=32, width=32, classes=2, dense=True)


def unet(**changes):
    return UNet(**{"kind": "unet", "width": 4, "levels": 2} | changes).build(GLANDS)


def block(x, layers):
    x = F.relu(layers.norm1(layers.conv1(x)))
    return F.relu(layers.norm2(layers.conv2(x)))


def test_the_network_computes_what_the_paper_describes():
    network, images = unet(), torch.randn(3, 2, 32, 32)
    first = block(images, network.encoder[0].block)
    second = block(F.max_pool2d(first, 2), network.encoder[1].block)
    x = block(F.max_pool2d(second, 2), network.bottom)
    x = block(torch.cat([second, network.decoder[0].up(x)], dim=1), network.decoder[0].block)
    x = block(torch.cat([first, network.decoder[1].up(x)], dim=1), network.decoder[1].block)
    torch.testing.assert_close(network(images), F.conv2d(x, network.head.weight, network.head.bias))


def test_feature_maps_double_after_each_pool():
    network = unet(levels=3)
    assert [encoder.block.conv2.out_channels for encoder in network.encoder] == [4, 8, 16]
    assert network.bottom.conv2.out_channels == 32
    assert [decoder.block.conv2.out_channels for decoder in network.decoder] == [16, 8, 4]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_every_combination_gives_logits_of_the_size_of_the_image_and_trains_all_its_weights(residual, factor):
    network = unet(residual=residual, pixel_unshuffle=factor)
    logits = network(torch.randn(2, 2, 32, 32))
    assert logits.shape == (2, 2, 32, 32)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_residual_block_adds_a_projection_of_what_comes_in():
    layers = unet(residual=True).bottom
    nn.init.zeros_(layers.norm2.weight)
    features = torch.randn(2, 8, 8, 8)
    assert torch.equal(layers(features), F.relu(layers.shortcut(features)))


def test_without_skip_connections_the_way_up_sees_only_what_comes_from_below():
    network, images = unet(levels=1, skip_connections=False), torch.randn(3, 2, 32, 32)
    x = block(F.max_pool2d(block(images, network.encoder[0].block), 2), network.bottom)
    x = block(network.decoder[0].up(x), network.decoder[0].block)
    torch.testing.assert_close(network(images), F.conv2d(x, network.head.weight, network.head.bias))


@pytest.mark.parametrize("residual", [False, True])
def test_without_batch_norm_convolutions_have_biases(residual):
    network = unet(residual=residual, batch_norm=False)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert all(layer.bias is not None for layer in network.modules() if isinstance(layer, nn.Conv2d))


def test_unshuffled_pixels_cost_about_a_quarter():
    full, unshuffled = (flops(unet(width=16, pixel_unshuffle=factor)) for factor in (1, 2))
    assert 0.25 < unshuffled / full < 0.28


def flops(network):
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 2, 32, 32))
    return counter.get_total_flops()


def test_unshuffled_pixels_come_back_to_where_they_were():
    network = unet(levels=1, pixel_unshuffle=2).eval()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    network.head.bias.data = torch.arange(8.0)
    corner = network(torch.zeros(1, 2, 32, 32))[0, :, :2, :2]
    assert corner.tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": 5}, "5 poolings of a 32x32 image leave less than 2 pixels per side: levels can be at most 4"),
        ({"levels": 4, "pixel_unshuffle": 2}, "4 poolings of a 16x16 image leave .*: levels can be at most 3"),
        ({"pixel_unshuffle": 3}, "pixel_unshuffle 3 does not divide both sides of a 32x32 image"),
    ],
)
def test_images_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        UNet(**{"kind": "unet", "width": 4, "levels": 2} | settings).check(GLANDS)
