import pytest
import torch
from torch import nn

from dl4ia.errors import DivergedError
from dl4ia.experiment import TASKS
from dl4ia.training.loop import Batches, Labelled, evaluate, fit, predict


def digits(count=60):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(10, (count,), generator=generator)
    images = torch.nn.functional.one_hot(targets, 10).float().view(count, 1, 2, 5)
    return Labelled(images + 0.1 * torch.randn(images.shape, generator=generator), targets)


def train(network, points, *, rate=0.1, l2=0.0, train=None, validation=None, iterations=50):
    fit(
        network, torch.optim.SGD(network.parameters(), rate), train or digits(), validation, TASKS["mnist"],
        l2=l2, batch_size=20, iterations=iterations, evaluate_every=20,
        generator=torch.Generator().manual_seed(1), observe=points.append,
    )  # fmt: skip


def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(10, 10))


def test_it_learns():
    points = []
    train(linear(), points, rate=1.0, iterations=200)
    assert points[-1].metrics["train/accuracy"] > 0.95
    assert points[-1].metrics["train/loss"] < points[0].metrics["train/loss"] / 2


def test_points_come_every_so_often_and_at_the_end():
    points = []
    train(linear(), points, validation=digits(30))
    assert [point.step for point in points] == [20, 40, 50]
    assert [round(point.epoch, 2) for point in points] == [6.67, 13.33, 16.67]
    assert set(points[0].metrics) == {"train/loss", "train/accuracy", "validation/loss", "validation/accuracy"}


def test_validation_is_looked_at_between_points_never():
    network, calls = linear(), []
    network.register_forward_hook(lambda *_: calls.append(network.training))
    train(network, [], validation=digits(30))
    assert calls.count(False) == 3
    assert calls.count(True) == 50


def test_the_same_generator_gives_the_same_weights():
    first, second = linear(), linear()
    train(first, [])
    train(second, [])
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_penalty_shrinks_weights_and_is_not_in_the_reported_loss():
    free, held, points = linear(), linear(), []
    train(free, [])
    train(held, points, l2=0.1)
    assert held[1].weight.norm() < free[1].weight.norm()
    assert points[0].metrics["train/loss"] < 2.4  # of ln 10 = 2.3, while the penalty alone adds more than that


def test_a_loss_that_is_no_number_ends_the_training():
    broken = digits()
    broken.images[7] = float("nan")
    with pytest.raises(DivergedError, match="the loss is nan after 20 iterations"):
        train(linear(), [], train=broken)


def test_every_image_is_drawn_once_an_epoch():
    batches = Batches(10, 4, torch.Generator().manual_seed(0))
    drawn = torch.cat([batches.next() for _ in range(5)])
    assert sorted(drawn[:10].tolist()) == sorted(drawn[10:].tolist()) == list(range(10))


def test_a_batch_may_be_larger_than_the_set():
    assert len(Batches(3, 8, torch.Generator()).next()) == 8


def test_predicting_in_parts_gives_what_the_whole_gives_and_leaves_the_mode():
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)).train()
    images = torch.randn(40, 1, 128, 128)
    found = predict(network, images)
    assert network.training
    torch.testing.assert_close(found, network.eval()(images))


def test_evaluation_is_over_all_images():
    network, labelled = linear(), digits(33)
    expected = (network(labelled.images).argmax(1) == labelled.targets).float().mean().item()
    assert evaluate(network, labelled, TASKS["mnist"])["accuracy"] == pytest.approx(expected)
