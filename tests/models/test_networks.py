"""What holds for every network, whoever wrote it: the contract of `NetworkConfig`."""

import pytest
import torch

from dl4ia.models import NETWORKS, Signature
from dl4ia.models.description import layers

DIGITS = Signature(channels=1, height=20, width=16, classes=10, dense=False)
GLANDS = Signature(channels=2, height=16, width=24, classes=3, dense=True)
SMALLEST = {
    "mlp": ({"hidden": (7,)}, DIGITS),
    "cnn": ({"feature_maps": (3, 4), "pools": 2, "batch_norm_before": (2,)}, DIGITS),
    "conv-deconv": ({"width": 3, "levels": 2}, GLANDS),
    "convnet": ({"stages": ((3, 4), (5,))}, DIGITS),
    "unet": ({"width": 3, "levels": 2}, GLANDS),
}


def test_every_registered_network_is_tested_here():
    assert set(SMALLEST) == set(NETWORKS)


@pytest.fixture(params=SMALLEST)
def network(request):
    """The settings of a small network, and what it takes and gives."""
    settings, signature = SMALLEST[request.param]
    return NETWORKS[request.param](kind=request.param, **settings), signature


def images_for(signature, count=3):
    return torch.randn(count, signature.channels, signature.height, signature.width)


def test_logits_have_the_shape_of_the_signature(network):
    config, signature = network
    config.check(signature)
    logits = config.build(signature)(images_for(signature))
    pixels = (signature.height, signature.width) if signature.dense else ()
    assert logits.shape == (3, signature.classes, *pixels)


def test_a_task_of_the_other_kind_is_refused(network):
    config, signature = network
    other = GLANDS if signature is DIGITS else DIGITS
    with pytest.raises(ValueError, match=f"kind {config.kind} gives .* and this task asks for"):
        config.check(other)


def test_the_seed_decides_the_weights(network):
    config, signature = network
    first, second, third = (seeded(config, signature, seed) for seed in (5, 5, 6))
    assert all(map(torch.equal, first.parameters(), second.parameters()))
    assert not all(map(torch.equal, first.parameters(), third.parameters()))


def seeded(config, signature, seed):
    torch.manual_seed(seed)
    return config.build(signature)


def test_both_memory_layouts_compute_the_same(network):
    config, signature = network
    images, built = images_for(signature), config.build(signature)
    plain = outputs_and_gradients(built, images)
    channels_last = outputs_and_gradients(
        built.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    )
    for value, expected in zip(channels_last, plain, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


def outputs_and_gradients(network, images):
    network.zero_grad()
    logits = network(images)
    logits.square().mean().backward()
    return [logits.detach(), *(parameter.grad.clone() for parameter in network.parameters())]


def test_a_restored_network_predicts_the_same(network):
    config, signature = network
    first, second = config.build(signature), config.build(signature)
    second.load_state_dict(first.state_dict())
    images = images_for(signature)
    assert torch.equal(first.eval()(images), second.eval()(images))


def test_the_prediction_for_an_image_does_not_depend_on_the_others(network):
    config, signature = network
    images, built = images_for(signature), config.build(signature).eval()
    together = built(images)
    torch.testing.assert_close(built(images[:1]), together[:1])
    assert built(images[:0]).shape == (0, *together.shape[1:])


def test_the_loss_falls_on_a_batch_that_is_seen_again(network):
    config, signature = network
    built, images = seeded(config, signature, 0), images_for(signature)
    targets = built(images).argmax(1).roll(1, 0)
    optimizer = torch.optim.SGD(built.parameters(), 0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(built(images), targets)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_the_description_names_each_layer_with_weights(network):
    config, signature = network
    built = config.build(signature)
    weighted = [layer for layer in built.modules() if list(layer.parameters(recurse=False))]
    assert sum(layers(built).count(name) for name in {type(layer).__name__ for layer in weighted}) >= len(weighted)
