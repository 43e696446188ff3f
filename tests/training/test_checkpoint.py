import logging
import os
import time
from hashlib import sha256
from io import BytesIO

import pytest
import torch
from torch import nn

from dl4ia.base.errors import StoppedError
from dl4ia.data.augmentation import AUGMENTATIONS
from dl4ia.metrics.classification import correct
from dl4ia.training import checkpoint
from dl4ia.training.averaging import WeightAverage
from dl4ia.training.batches import Batches, Labelled
from dl4ia.training.checkpoint import Checkpointer
from dl4ia.training.loop import Recipe, Training, fit
from dl4ia.training.losses import LOSSES
from dl4ia.training.schedules import SCHEDULES

ITERATIONS = 12


def images(count=22):
    generator = torch.Generator().manual_seed(0)
    return Labelled(torch.randn(count, 2, 8, 8, generator=generator), torch.arange(count) % 3)


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


OPTIMIZERS = {
    "momentum": lambda parameters: torch.optim.SGD(parameters, 0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda parameters: torch.optim.AdamW(parameters, 0.01, weight_decay=0.1),
}
RICH = {
    "schedule": SCHEDULES["one-cycle"].model_validate({"kind": "one-cycle"}),
    "augmentation": [AUGMENTATIONS["affine"].model_validate({"kind": "affine", "degrees": 20.0, "shift": 0.1})],
    "max_gradient_norm": 0.5,
}  # what a resumed training must repeat beside the plain recipe


def train(checkpointer, optimizer="adam", *, rich=False):
    """Return the weights and the curve, without its seconds."""
    model = network()
    plain = {"schedule": SCHEDULES["constant"].model_validate({"kind": "constant"}), "augmentation": []}
    recipe = Recipe(
        iterations=ITERATIONS, batch_size=5, evaluate_every=4, l2=0.01, metric="accuracy", score=correct,
        loss=LOSSES["cross-entropy"].model_validate({"kind": "cross-entropy"}),
        **({"max_gradient_norm": None} | plain | (RICH if rich else {})),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    training = Training(
        model, OPTIMIZERS[optimizer](model.parameters()), Batches(22, 5, generator), recipe, torch.device("cpu"),
        WeightAverage(model, 0.9) if rich else None,
    )  # fmt: skip
    fit(training, images(), images(9), [] if checkpointer is None else [checkpointer])
    return training.weights, [
        (point.step, point.epoch, point.learning_rate, point.metrics) for point in training.points
    ]


class StoppedAt(Checkpointer):
    """Checkpoints of a training that is asked to stop after some iterations, each of which is kept."""

    def __init__(self, folder, *steps) -> None:
        super().__init__(folder, lambda: self.now in steps)
        self.now = self.resumed_at = 0

    def on_start(self, training):
        super().on_start(training)
        self.resumed_at = training.step

    def on_step(self, training):
        self.now = training.step
        self._next = 0.0
        super().on_step(training)


def interrupted(folder, *steps, **kwargs):
    for step in steps:
        with pytest.raises(StoppedError, match=f"stopped after {step} iterations"):
            train(StoppedAt(folder, step), **kwargs)


def assert_same(result, expected):
    assert result[1] == expected[1]
    assert all(torch.equal(result[0][name], value) for name, value in expected[0].items())


@pytest.mark.parametrize("rich", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("step", range(1, ITERATIONS))
def test_a_training_that_was_stopped_anywhere_ends_as_if_it_had_not_been(tmp_path, optimizer, step, rich):
    interrupted(tmp_path, step, optimizer=optimizer, rich=rich)
    assert_same(train(StoppedAt(tmp_path), optimizer, rich=rich), train(None, optimizer, rich=rich))


def test_it_may_be_stopped_again_and_again(tmp_path):
    interrupted(tmp_path, 1, 2, 4, 7, 11)
    assert_same(train(StoppedAt(tmp_path)), train(None))


def test_a_finished_training_is_restored_from_its_checkpoint(tmp_path, monkeypatch):
    expected = train(StoppedAt(tmp_path))
    monkeypatch.setattr(nn.Sequential, "forward", None)  # it would train
    assert_same(train(StoppedAt(tmp_path)), expected)


def test_a_training_that_is_asked_to_stop_in_its_last_iteration_is_complete(tmp_path):
    assert_same(train(StoppedAt(tmp_path, ITERATIONS)), train(None))


def test_the_newest_two_are_kept_and_of_a_finished_training_the_last(tmp_path):
    interrupted(tmp_path, 7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000006.checkpoint", "000000007.checkpoint"]
    train(StoppedAt(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["000000012.checkpoint"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def forge(path):
    """Replace it by one of another network, with the right digest."""
    buffer = BytesIO()
    torch.save({"version": checkpoint._VERSION, "state": {"network": {"0.weight": torch.zeros(3)}}}, buffer)
    path.write_bytes(sha256(buffer.getvalue()).digest() + buffer.getvalue())


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def poison(path):
    """Replace it by a pickle that runs code, with the right digest."""
    buffer = BytesIO()
    torch.save({"version": checkpoint._VERSION, "state": Evil()}, buffer)
    path.write_bytes(sha256(buffer.getvalue()).digest() + buffer.getvalue())


@pytest.mark.parametrize("harm", [cut, flip, empty, forge, poison])
@pytest.mark.field("bghira/SimpleTuner#2613", "the latest checkpoint is damaged, and the training does not start")
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(tmp_path, harm, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interrupted(tmp_path, 7)
    newest, before = sorted(tmp_path.glob("*.checkpoint"), reverse=True)
    harm(newest)
    checkpointer = StoppedAt(tmp_path)
    with caplog.at_level(logging.WARNING, "dl4ia"):
        assert_same(train(checkpointer), train(None))
    assert checkpointer.resumed_at == int(before.stem)
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith(f"{newest} cannot be used")
    assert "\n" not in message
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("harm", [cut, forge])
@pytest.mark.field("StrongResearch/isc-demos#3", "an empty checkpoint: EOFError, ran out of input")
def test_without_a_readable_checkpoint_it_starts_from_the_beginning(tmp_path, harm):
    interrupted(tmp_path, 7)
    for path in tmp_path.glob("*.checkpoint"):
        harm(path)
    checkpointer = StoppedAt(tmp_path)
    assert_same(train(checkpointer), train(None))
    assert checkpointer.resumed_at == 0


def test_a_checkpoint_of_another_version_is_not_used(tmp_path, monkeypatch, caplog):
    interrupted(tmp_path, 7)
    monkeypatch.setattr(checkpoint, "_VERSION", "3")
    with caplog.at_level(logging.WARNING, "dl4ia"):
        assert_same(train(StoppedAt(tmp_path)), train(None))
    assert "it is of version 2, PyTorch" in caplog.text


def test_saving_is_rare(tmp_path, monkeypatch):
    train(Checkpointer(tmp_path, lambda: False))  # takes less than the two seconds between two checkpoints
    assert [path.stem for path in tmp_path.iterdir()] == [f"{ITERATIONS:09}"]


def test_saving_is_rarer_where_it_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_write", lambda *_: time.sleep(0.1))
    checkpointer = Checkpointer(tmp_path, lambda: False)
    started = time.perf_counter()
    train(checkpointer)
    assert checkpointer._next - started > 100 * 0.1
