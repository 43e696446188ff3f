import logging
import os
import time
from hashlib import sha256
from io import BytesIO

import pytest
import torch
from torch import nn

from dl4ia.errors import StoppedError
from dl4ia.experiment import TASKS
from dl4ia.training import checkpoint
from dl4ia.training.checkpoint import Checkpoints
from dl4ia.training.loop import Labelled, fit

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


def train(keeper, optimizer="adam"):
    """Return the weights and the curve, without its seconds."""
    net, points = network(), []
    fit(
        net, OPTIMIZERS[optimizer](net.parameters()), images(), images(9), TASKS["mnist"], l2=0.01, batch_size=5,
        iterations=ITERATIONS, evaluate_every=4, generator=torch.Generator().manual_seed(1), observe=points.append,
        keeper=keeper,
    )  # fmt: skip
    return net.state_dict(), [(point.step, point.epoch, point.metrics) for point in points]


class StoppedAt(Checkpoints):
    """Checkpoints of a training that is asked to stop after some iterations, each of which is kept."""

    def __init__(self, folder, *steps) -> None:
        super().__init__(folder, lambda: self.now in steps)
        self.now = 0

    def after_iteration(self, training, *, last):
        self.now = training.step
        self._next = 0.0
        super().after_iteration(training, last=last)


def interrupted(folder, *steps, optimizer="adam"):
    for step in steps:
        with pytest.raises(StoppedError, match=f"stopped after {step} iterations"):
            train(StoppedAt(folder, step), optimizer)


def assert_same(found, expected):
    assert found[1] == expected[1]
    assert all(torch.equal(found[0][name], value) for name, value in expected[0].items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("step", range(1, ITERATIONS))
def test_a_training_that_was_stopped_anywhere_ends_as_if_it_had_not_been(tmp_path, optimizer, step):
    interrupted(tmp_path, step, optimizer=optimizer)
    assert_same(train(StoppedAt(tmp_path), optimizer), train(None, optimizer))


def test_it_may_be_stopped_again_and_again(tmp_path):
    interrupted(tmp_path, 1, 2, 4, 7, 11)
    assert_same(train(StoppedAt(tmp_path)), train(None))


def test_one_that_has_come_to_its_end_is_had_from_its_checkpoint(tmp_path, monkeypatch):
    expected = train(StoppedAt(tmp_path))
    monkeypatch.setattr(nn.Sequential, "forward", None)  # it would train
    assert_same(train(StoppedAt(tmp_path)), expected)


def test_who_asks_to_stop_in_the_last_iteration_has_it_all(tmp_path):
    assert_same(train(StoppedAt(tmp_path, ITERATIONS)), train(None))


def test_the_newest_two_are_kept(tmp_path):
    train(StoppedAt(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000011.checkpoint", "000000012.checkpoint"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def forge(path):
    """Replace it by one of another network, whose digest is right."""
    buffer = BytesIO()
    torch.save({"version": checkpoint._VERSION, "state": {"network": {"0.weight": torch.zeros(3)}}}, buffer)
    path.write_bytes(sha256(buffer.getvalue()).digest() + buffer.getvalue())


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def poison(path):
    """Replace it by a pickle that runs code, whose digest is right."""
    buffer = BytesIO()
    torch.save({"version": checkpoint._VERSION, "state": Evil()}, buffer)
    path.write_bytes(sha256(buffer.getvalue()).digest() + buffer.getvalue())


@pytest.mark.parametrize("harm", [cut, flip, empty, forge, poison])
def test_a_checkpoint_that_is_not_whole_is_reported_and_the_one_before_is_used(tmp_path, harm, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interrupted(tmp_path, 7)
    newest, before = sorted(tmp_path.glob("*.checkpoint"), reverse=True)
    harm(newest)
    keeper = StoppedAt(tmp_path)
    with caplog.at_level(logging.WARNING, "dl4ia"):
        assert_same(train(keeper), train(None))
    assert keeper.step == int(before.stem)
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"{newest} is not used")
    assert "\n" not in said
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("harm", [cut, forge])
def test_without_a_whole_one_it_starts_anew(tmp_path, harm):
    interrupted(tmp_path, 7)
    for path in tmp_path.glob("*.checkpoint"):
        harm(path)
    keeper = StoppedAt(tmp_path)
    assert_same(train(keeper), train(None))
    assert keeper.step == 0


def test_one_of_another_version_is_not_used(tmp_path, monkeypatch, caplog):
    interrupted(tmp_path, 7)
    monkeypatch.setattr(checkpoint, "_VERSION", "2")
    with caplog.at_level(logging.WARNING, "dl4ia"):
        assert_same(train(StoppedAt(tmp_path)), train(None))
    assert "it is of version 1, PyTorch" in caplog.text


def test_saving_is_rare(tmp_path, monkeypatch):
    train(Checkpoints(tmp_path, lambda: False))  # takes less than the two seconds between two checkpoints
    assert [path.stem for path in tmp_path.iterdir()] == [f"{ITERATIONS:09}"]


def test_where_saving_takes_long_it_is_rarer(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_write", lambda *_: time.sleep(0.1))
    keeper = Checkpoints(tmp_path, lambda: False)
    started = time.perf_counter()
    train(keeper)
    assert keeper._next - started > 100 * 0.1
