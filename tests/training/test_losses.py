"""Losses against Equations 1 and 2 and against soft Dice, written out."""

import math
from typing import Annotated

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from dl4ia.base.errors import ConfigError
from dl4ia.training.losses import (
    LOSSES,
    CrossEntropy,
    CrossEntropyDice,
    LossConfig,
    cross_entropy,
    soft_dice_loss,
)
from dl4ia.training.penalty import l2_penalty


def load(section: dict) -> LossConfig:
    """Read a section as params.yaml would hold it."""
    return TypeAdapter(Annotated[LossConfig, LOSSES.validator]).validate_python(section)


def equation_1(logits: torch.Tensor, targets: torch.Tensor) -> float:
    losses = [
        math.log(sum(math.exp(z) for z in row)) - row[target]
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    return sum(losses) / len(losses)


def certain(masks: torch.Tensor, classes: int = 2) -> torch.Tensor:
    """Logits that leave no doubt that the masks are predicted."""
    return 100.0 * nn.functional.one_hot(masks, classes).movedim(-1, 1)


def test_cross_entropy_is_equation_1():
    logits, targets = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]), torch.tensor([1, 0])
    assert math.isclose(cross_entropy(logits, targets).item(), equation_1(logits, targets), rel_tol=1e-6)


def test_cross_entropy_averages_over_pixels():
    logits, targets = torch.randn(2, 2, 3, 3), torch.randint(2, (2, 3, 3))
    flat = cross_entropy(logits.permute(0, 2, 3, 1).reshape(-1, 2), targets.flatten())
    torch.testing.assert_close(cross_entropy(logits, targets), flat)


def test_a_log_softmax_before_the_loss_changes_nothing():
    logits, targets = torch.randn(4, 10), torch.randint(10, (4,))
    torch.testing.assert_close(cross_entropy(logits.log_softmax(1), targets), cross_entropy(logits, targets))


def test_the_loss_cross_entropy_is_equation_1_to_the_bit_unless_labels_are_smoothed():
    logits, targets = torch.randn(50, 10), torch.randint(10, (50,))
    assert torch.equal(load({"kind": "cross-entropy"}).value(logits, targets), cross_entropy(logits, targets))


def test_label_smoothing_gives_a_share_of_each_target_to_all_classes_alike():
    logits, targets = torch.randn(6, 5), torch.randint(5, (6,))
    uniform = sum(equation_1(logits, torch.full((6,), label)) for label in range(5)) / 5
    expected = 0.9 * equation_1(logits, targets) + 0.1 * uniform
    smoothed = CrossEntropy(kind="cross-entropy", label_smoothing=0.1).value(logits, targets)
    assert smoothed.item() == pytest.approx(expected, rel=1e-5)


def test_soft_dice_loss_is_milletari_s_form_with_one_pixel_added():
    logits, masks = torch.randn(3, 2, 4, 5), torch.randint(2, (3, 4, 5))
    losses = []
    for image, mask in zip(logits, masks, strict=True):
        pairs = list(zip((image[1] - image[0]).sigmoid().flatten().tolist(), mask.flatten().tolist(), strict=True))
        overlap = sum(p * g for p, g in pairs)
        losses.append(1 - (2 * overlap + 1) / (sum(p * p + g * g for p, g in pairs) + 1))
    assert soft_dice_loss(logits, masks).item() == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_soft_dice_loss_is_zero_for_a_perfect_prediction_of_a_mask_or_of_none():
    masks = torch.stack([torch.zeros(6, 6), torch.eye(6)]).long()
    assert soft_dice_loss(certain(masks), masks).item() == pytest.approx(0, abs=1e-6)


def test_soft_dice_loss_is_nearly_one_where_everything_is_predicted_wrongly():
    masks = torch.ones(1, 32, 32).long()
    assert soft_dice_loss(certain(1 - masks), masks).item() == pytest.approx(1 - 1 / 1025, rel=1e-5)


def test_soft_dice_loss_counts_small_and_large_glands_alike():
    masks = torch.zeros(2, 8, 8).long()
    masks[0, 0, 0], masks[1] = 1, 1
    one_wrong = certain(torch.stack([masks[0], 1 - masks[1]]))
    assert soft_dice_loss(one_wrong, masks).item() == pytest.approx((1 - 1 / 65) / 2, rel=1e-5)


def test_soft_dice_loss_averages_over_the_foreground_classes_of_several():
    masks = torch.tensor([[[0, 1], [2, 2]]])
    predicted = torch.tensor([[[0, 1], [0, 0]]])
    assert soft_dice_loss(certain(predicted, 3), masks).item() == pytest.approx((0 + (1 - 1 / 3)) / 2, rel=1e-5)


def test_cross_entropy_dice_adds_the_soft_dice_loss_with_its_weight():
    logits, masks = torch.randn(3, 2, 4, 5), torch.randint(2, (3, 4, 5))
    loss = CrossEntropyDice(kind="cross-entropy-dice", weight=0.3).value(logits, masks)
    torch.testing.assert_close(loss, cross_entropy(logits, masks) + 0.3 * soft_dice_loss(logits, masks))


def test_following_the_gradient_of_cross_entropy_dice_predicts_the_mask():
    masks = (torch.arange(64).view(1, 8, 8) % 5 == 0).long()
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    loss = CrossEntropyDice(kind="cross-entropy-dice")
    for _ in range(50):
        (gradient,) = torch.autograd.grad(loss.value(logits, masks), logits)
        logits = (logits - 20 * gradient).detach().requires_grad_()
    assert torch.equal(logits.argmax(1), masks)


def test_cross_entropy_dice_of_labels_is_refused_in_one_line():
    message = r"^loss cross-entropy-dice needs masks, not one label for each image: use cross-entropy$"
    with pytest.raises(ConfigError, match=message):
        CrossEntropyDice(kind="cross-entropy-dice").value(torch.randn(4, 10), torch.randint(10, (4,)))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "cross-entropy", "label_smoothing": 1}, "less than 1"),
        ({"kind": "cross-entropy", "label_smoothing": -0.1}, "greater than or equal to 0"),
        ({"kind": "cross-entropy-dice", "weight": 0}, "greater than 0"),
        ({"kind": "cross-entropy-dise"}, "unknown loss 'cross-entropy-dise'; did you mean 'cross-entropy-dice'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(section: dict, message: str):
    with pytest.raises(ValidationError) as refused:
        load(section)
    (error,) = refused.value.errors()
    assert message in error["msg"]


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
