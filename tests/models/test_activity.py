import pytest
import torch
from torch import nn

from dl4ia.models.activity import dead_share, watched_units


def network():
    layers = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2), nn.ReLU())
    nn.init.ones_(layers[0].weight)
    nn.init.zeros_(layers[0].bias)
    nn.init.ones_(layers[3].weight)
    nn.init.zeros_(layers[3].bias)
    return layers


def watch(layers, *batches):
    with watched_units(layers) as largest, torch.no_grad():
        for batch in batches:
            layers(batch)
    return largest


def test_units_that_are_never_above_zero_are_dead():
    layers = network()
    layers[0].bias.data[1:] = torch.tensor([-5.0, -0.5, 0.0])
    largest = watch(layers, torch.full((3, 1, 2, 2), 0.4), torch.full((3, 1, 2, 2), 0.1))
    assert largest["1"].tolist() == pytest.approx([0.4, 0, 0, 0.4])
    assert dead_share(largest) == pytest.approx(2 / 6)


def test_a_unit_that_is_active_in_one_batch_is_alive():
    layers = network()
    negative, positive = torch.full((1, 1, 2, 2), -1.0), torch.ones(1, 1, 2, 2)
    assert dead_share(watch(layers, negative)) == 1
    assert dead_share(watch(layers, negative, positive, negative)) == 0


def test_nothing_is_watched_afterwards_and_a_network_without_relus_has_no_dead_units():
    layers = network()
    largest = watch(layers, torch.ones(1, 1, 2, 2))
    before = {name: values.clone() for name, values in largest.items()}
    layers(9 * torch.ones(1, 1, 2, 2))
    assert all(torch.equal(largest[name], values) for name, values in before.items())
    assert dead_share(watch(nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2))) == 0
