"""Optimizers against PyTorch's own, to the bit."""

from collections.abc import Callable, Iterable
from typing import Annotated

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn, optim

from dl4ia.training.optimizers import OPTIMIZERS, Adam, OptimizerConfig, Regularization, Sgd

DECAY, PENALTY = (Regularization(kind=kind, strength=0.05) for kind in ("weight-decay", "l2"))
SGD, ADAM = Sgd(kind="sgd", learning_rate=0.1, momentum=0.9), Adam(kind="adam", learning_rate=0.01)


def load(section: dict) -> OptimizerConfig:
    """Read a section as params.yaml would hold it."""
    return TypeAdapter(Annotated[OptimizerConfig, OPTIMIZERS.validator]).validate_python(section)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def trained(untrained: nn.Module, optimizer: optim.Optimizer, iterations: int = 5) -> dict[str, torch.Tensor]:
    inputs = torch.linspace(-1, 1, 24).view(6, 4)
    for _ in range(iterations):
        optimizer.zero_grad()
        untrained(inputs).square().mean().backward()
        optimizer.step()
    return untrained.state_dict()


@pytest.mark.parametrize(
    ("config", "regularization", "expected"),
    [
        (SGD, PENALTY, lambda weights: optim.SGD(weights, 0.1, momentum=0.9, fused=True)),
        (SGD, DECAY, lambda weights: optim.SGD(weights, 0.1, momentum=0.9, weight_decay=0.05, fused=True)),
        (ADAM, PENALTY, lambda weights: optim.Adam(weights, 0.01, fused=True)),
        (ADAM, DECAY, lambda weights: optim.AdamW(weights, 0.01, weight_decay=0.05, fused=True)),
    ],
)
def test_an_optimizer_is_pytorch_s_to_the_bit(
    config: OptimizerConfig,
    regularization: Regularization,
    expected: Callable[[Iterable[nn.Parameter]], optim.Optimizer],
):
    ours, theirs = network(), network()
    after = trained(ours, config.build(ours, regularization))
    reference = trained(theirs, expected(theirs.parameters()))
    assert all(torch.equal(after[name], reference[name]) for name in reference)
    assert not torch.equal(after["0.weight"], network().state_dict()["0.weight"])


@pytest.mark.parametrize("config", [SGD, ADAM])
def test_weight_decay_alone_shrinks_each_weight_in_proportion(config: OptimizerConfig):
    layer = nn.Linear(2, 2)  # were Adam's decay part of the gradient, each weight would move by the learning rate
    before = layer.weight.detach().clone()
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    config.build(layer, DECAY).step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - config.learning_rate * DECAY.strength))


@pytest.mark.parametrize("config", [SGD, ADAM])
def test_a_schedule_can_read_the_configured_learning_rate_from_the_optimizer(config: OptimizerConfig):
    assert config.build(network(), PENALTY).defaults["lr"] == config.learning_rate


def test_regularization_is_either_the_penalty_or_weight_decay():
    assert (PENALTY.l2, PENALTY.weight_decay) == (0.05, 0.0)
    assert (DECAY.l2, DECAY.weight_decay) == (0.0, 0.05)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "sgd", "learning_rate": 0.1, "momentum": 1}, "less than 1"),
        ({"kind": "sgd", "learning_rate": 0.1, "momentum": -0.5}, "greater than or equal to 0"),
        ({"kind": "sgd", "learning_rate": 0.1}, "Field required"),
        ({"kind": "adam", "learning_rate": 0}, "greater than 0"),
        ({"kind": "adam", "learning_rate": 0.1, "momentum": 0.9}, "Extra inputs"),
        ({"kind": "adamw", "learning_rate": 0.1}, "unknown optimizer 'adamw'; did you mean 'adam'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(section: dict, message: str):
    with pytest.raises(ValidationError) as refused:
        load(section)
    (error,) = refused.value.errors()
    assert message in error["msg"]
