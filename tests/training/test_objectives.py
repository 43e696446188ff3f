"""Losses against Equations 1 and 2, by hand."""

import math

import torch
from torch import nn

from dl4ia.training.objectives import cross_entropy, l2_penalty


def test_cross_entropy_is_equation_1():
    logits, targets = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]), torch.tensor([1, 0])
    by_hand = [
        math.log(sum(math.exp(z) for z in row)) - row[target]
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert math.isclose(cross_entropy(logits, targets).item(), sum(by_hand) / 2, rel_tol=1e-6)


def test_cross_entropy_averages_over_pixels():
    logits, targets = torch.randn(2, 2, 3, 3), torch.randint(2, (2, 3, 3))
    flat = cross_entropy(logits.permute(0, 2, 3, 1).reshape(-1, 2), targets.flatten())
    torch.testing.assert_close(cross_entropy(logits, targets), flat)


def test_a_log_softmax_before_the_loss_changes_nothing():
    logits, targets = torch.randn(4, 10), torch.randint(10, (4,))
    torch.testing.assert_close(cross_entropy(logits.log_softmax(1), targets), cross_entropy(logits, targets))


def test_the_penalty_is_the_sum_of_squared_weights_without_biases():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
        network[2].weight.copy_(torch.tensor([[2.0, -1.0]]))
    assert l2_penalty(network).item() == 1 + 4 + 9 + 0.25 + 4 + 1


def test_the_penalty_pulls_each_weight_by_twice_its_size():
    layer = nn.Linear(3, 2)
    l2_penalty(layer).backward()
    torch.testing.assert_close(layer.weight.grad, 2 * layer.weight.detach())
    assert layer.bias.grad is None
