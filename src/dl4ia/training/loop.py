"""One training loop for both tasks; what differs is passed in."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn, optim

from dl4ia.errors import DivergedError
from dl4ia.training.objectives import cross_entropy, l2_penalty

_PIXELS_AT_ONCE = 1 << 19  # of an evaluation: enough to keep a core busy, few enough to stay in its cache


@dataclass(frozen=True)
class Labelled:
    """Images (n, c, h, w) float32, standardised, and targets (n,) or (n, h, w) int64, on one device."""

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Point:
    """One point of the curves: `metrics` by name, after `step` iterations and `seconds` of training."""

    step: int
    epoch: float
    seconds: float
    metrics: dict[str, float]


Score = Callable[[Tensor, Tensor], Tensor]  # logits and targets to a figure of each image, (n,)
Observer = Callable[[Point], None]


@dataclass(frozen=True)
class Task:
    """What a network is measured by while it learns: `metric` names what `score` returns."""

    metric: str
    score: Score


@dataclass
class Batches:
    """Index batches for ever: one shuffled epoch of `count` after another, every batch full."""

    count: int
    size: int
    generator: torch.Generator
    _order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), init=False)

    def next(self) -> Tensor:
        """Return the indices of the next batch, (size,)."""
        while len(self._order) < self.size:
            self._order = torch.cat([self._order, torch.randperm(self.count, generator=self.generator)])
        batch, self._order = self._order[: self.size], self._order[self.size :]
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """Return what decides all batches to come."""
        return {"order": self._order.clone(), "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self._order = state["order"]
        self.generator.set_state(state["generator"])


@dataclass
class Training:
    """A training between two iterations: all that the next ones depend on, and what has been measured so far.

    PyTorch's random states are part of it; nothing here draws from NumPy's or Python's.
    """

    network: nn.Module
    optimizer: optim.Optimizer
    batches: Batches
    device: torch.device
    step: int = 0
    seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)  # of the batches since the last point
    scores: list[Tensor] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Return it as tensors, numbers and names alone."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "step": self.step,
            "seconds": self.seconds,
            "points": [asdict(point) for point in self.points],
            "losses": _stacked(self.losses),
            "scores": _stacked(self.scores),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned; states of CUDA only matter where there is one."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.load_state_dict(state["batches"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.points = [Point(**point) for point in state["points"]]
        self.losses, self.scores = (list(state[name].to(self.device)) for name in ("losses", "scores"))


def _stacked(values: list[Tensor]) -> Tensor:
    return torch.stack(values) if values else torch.empty(0)


class Keeper(Protocol):
    """Keeps a training from getting lost."""

    def resume(self, training: Training) -> None:
        """Bring a training that has not begun to where an earlier one was left."""

    def after_iteration(self, training: Training, *, last: bool) -> None:
        """Take note of a training between two iterations; may raise StoppedError."""


def fit(  # noqa: PLR0913 (what differs between experiments is all passed in)
    network: nn.Module,
    optimizer: optim.Optimizer,
    train: Labelled,
    validation: Labelled | None,
    task: Task,
    *,
    l2: float,
    batch_size: int,
    iterations: int,
    evaluate_every: int,
    generator: torch.Generator,
    observe: Observer,
    keeper: Keeper | None = None,
) -> None:
    """Train `network` in place, telling `observe` every `evaluate_every` iterations and at the end.

    The training figures of a point are means over the batches since the last point, without an extra pass; the loss is
    Equation 1, without the penalty. A training that goes on tells its earlier points again, first. Raises
    DivergedError when the loss is no longer finite, and what `keeper` raises.
    """
    training = Training(network, optimizer, Batches(len(train), batch_size, generator), train.images.device)
    if keeper is not None:
        keeper.resume(training)
    for point in training.points:
        observe(point)
    started = time.perf_counter() - training.seconds
    network.train()
    while training.step < iterations:
        batch = training.batches.next()
        images, targets = train.images[batch], train.targets[batch]
        optimizer.zero_grad()
        logits = network(images)
        loss = cross_entropy(logits, targets)
        (loss + l2 * l2_penalty(network) if l2 else loss).backward()
        optimizer.step()
        training.step += 1
        training.losses.append(loss.detach())
        training.scores.append(task.score(logits.detach(), targets).mean())
        last = training.step == iterations
        if last or training.step % evaluate_every == 0:
            metrics = _means(training, task)
            if validation is not None:
                found = evaluate(network, validation, task)
                metrics |= {f"validation/{name}": value for name, value in found.items()}
            epoch = training.step * batch_size / len(train)
            training.points.append(Point(training.step, epoch, time.perf_counter() - started, metrics))
            observe(training.points[-1])
        if keeper is not None:
            training.seconds = time.perf_counter() - started
            keeper.after_iteration(training, last=last)


def _means(training: Training, task: Task) -> dict[str, float]:
    """Return the training figures since the last point, and start anew; raises DivergedError."""
    loss, score = (float(torch.stack(values).mean()) for values in (training.losses, training.scores))
    if not math.isfinite(loss):
        raise DivergedError(f"the loss is {loss} after {training.step} iterations")
    training.losses, training.scores = [], []
    return {"train/loss": loss, f"train/{task.metric}": score}


def evaluate(network: nn.Module, labelled: Labelled, task: Task) -> dict[str, float]:
    """Return the loss (Equation 1) and the task's metric, averaged over images."""
    logits = predict(network, labelled.images)
    return {
        "loss": float(cross_entropy(logits, labelled.targets)),
        task.metric: float(task.score(logits, labelled.targets).mean()),
    }


def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of all images, in evaluation mode; the network is left in the mode it was in."""
    was_training = network.training
    network.eval()
    at_once = max(1, _PIXELS_AT_ONCE // images[0, 0].numel())
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in images.split(at_once)])
    network.train(was_training)
    return logits
