import pytest
import torch
from torch import nn

from dl4ia.base.errors import DivergedError
from dl4ia.metrics.classification import correct
from dl4ia.training.batches import Batches, Labelled
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Recipe, Training, fit, predict
from dl4ia.training.losses import LOSSES, cross_entropy
from dl4ia.training.schedules import SCHEDULES


def digits(count=60):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(10, (count,), generator=generator)
    images = torch.nn.functional.one_hot(targets, 10).float().view(count, 1, 2, 5)
    return Labelled(images + 0.1 * torch.randn(images.shape, generator=generator), targets)


def train(network, *, rate=0.1, train=None, validation=None, callbacks=(), **changes):
    recipe = {
        "iterations": 50, "batch_size": 20, "evaluate_every": 20, "l2": 0.0, "max_gradient_norm": None,
        "loss": LOSSES["cross-entropy"].model_validate({"kind": "cross-entropy"}), "augmentation": [],
        "schedule": SCHEDULES["constant"].model_validate({"kind": "constant"}), "metric": "accuracy", "score": correct,
    }  # fmt: skip
    data, generator = train or digits(), torch.Generator().manual_seed(1)
    training = Training(
        network, torch.optim.SGD(network.parameters(), rate), Batches(len(data), 20, generator),
        Recipe(**(recipe | changes)), torch.device("cpu"),
    )  # fmt: skip
    fit(training, data, validation, callbacks)
    return training.points


def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(10, 10))


def test_it_trains():
    points = train(linear(), rate=1.0, iterations=200)
    assert points[-1].metrics["train/accuracy"] > 0.95
    assert points[-1].metrics["train/loss"] < points[0].metrics["train/loss"] / 2


def test_points_come_every_so_often_and_at_the_end():
    points = train(linear(), validation=digits(30))
    assert [point.step for point in points] == [20, 40, 50]
    assert [round(point.epoch, 2) for point in points] == [6.67, 13.33, 16.67]
    assert set(points[0].metrics) == {"train/loss", "train/accuracy", "validation/loss", "validation/accuracy"}


def test_validation_happens_at_points_alone():
    network, calls = linear(), []
    network.register_forward_hook(lambda *_: calls.append(network.training))
    train(network, validation=digits(30))
    assert calls.count(False) == 3
    assert calls.count(True) == 50


def test_callbacks_see_every_step_and_every_point():
    seen = []

    class Spy(Callback):
        def on_start(self, training):
            seen.append(("start", training.step))

        def on_point(self, _training, point):
            seen.append(("point", point.step))

        def on_step(self, training):
            seen.append(("step", training.step))

    train(linear(), callbacks=[Spy()], iterations=3, evaluate_every=2)
    assert seen == [("start", 0), ("step", 1), ("point", 2), ("step", 2), ("point", 3), ("step", 3)]


def test_the_same_generator_gives_the_same_weights():
    first, second = linear(), linear()
    train(first)
    train(second)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_penalty_shrinks_weights_and_is_not_in_the_reported_loss():
    free, held = linear(), linear()
    train(free)
    points = train(held, l2=0.1)
    assert held[1].weight.norm() < free[1].weight.norm()
    assert points[0].metrics["train/loss"] < 2.4  # of ln 10 = 2.3, while the penalty alone adds more than that


def test_the_loss_of_the_curves_is_equation_1_whatever_is_minimised():
    smoothed = LOSSES["cross-entropy"].model_validate({"kind": "cross-entropy", "label_smoothing": 0.5})
    network, data = linear(), digits(20)
    expected = cross_entropy(network(data.images), data.targets).item()
    (point,) = train(network, train=data, loss=smoothed, iterations=1)
    assert point.metrics["train/loss"] == pytest.approx(expected)


def test_the_schedule_sets_the_rate_of_each_step_and_is_in_the_curves():
    schedule = SCHEDULES["cosine"].model_validate({"kind": "cosine"})
    points = train(linear(), schedule=schedule, rate=0.5)
    assert [point.learning_rate for point in points] == [
        pytest.approx(0.5 * schedule.factor(step - 1, 50)) for step in (20, 40, 50)
    ]


def test_gradients_are_clipped():
    network, data = linear(), digits(20)
    before = network[1].weight.detach().clone()
    train(network, train=data, iterations=1, rate=1.0, max_gradient_norm=1e-3)
    moved = torch.cat([(network[1].weight - before).flatten()]).norm()
    assert 0 < moved <= 1.001e-3


def test_a_loss_that_is_not_a_number_ends_the_training():
    broken = digits()
    broken.images[7] = float("nan")
    with pytest.raises(DivergedError, match="the training loss is nan after 20 iterations"):
        train(linear(), train=broken)


def test_a_validation_loss_that_is_not_a_number_ends_the_training():
    broken = digits(30)
    broken.images[7] = float("nan")
    with pytest.raises(DivergedError, match="the validation loss is nan after 20 iterations"):
        train(linear(), validation=broken)


def test_every_image_is_drawn_once_an_epoch():
    batches = Batches(10, 4, torch.Generator().manual_seed(0))
    drawn = torch.cat([batches.next() for _ in range(5)])
    assert sorted(drawn[:10].tolist()) == sorted(drawn[10:].tolist()) == list(range(10))


def test_a_batch_may_be_larger_than_the_set():
    assert len(Batches(3, 8, torch.Generator()).next()) == 8


def test_predicting_in_parts_gives_what_the_whole_gives_and_restores_the_mode():
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)).train()
    images = torch.randn(40, 1, 128, 128)
    logits = predict(network, images)
    assert network.training
    torch.testing.assert_close(logits, network.eval()(images))
