"""One training loop for both tasks; what differs is passed in."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
) -> None:
    """Train `network` in place, telling `observe` every `evaluate_every` iterations and at the end.

    The training figures of a point are means over the batches since the last point, without an extra pass; the loss is
    Equation 1, without the penalty. Raises DivergedError when the loss is no longer finite.
    """
    started = time.perf_counter()
    losses, scores = [], []
    network.train()
    for step, batch in enumerate(batches(len(train), batch_size, generator), start=1):
        images, targets = train.images[batch], train.targets[batch]
        optimizer.zero_grad()
        logits = network(images)
        loss = cross_entropy(logits, targets)
        (loss + l2 * l2_penalty(network) if l2 else loss).backward()
        optimizer.step()
        losses.append(loss.detach())
        scores.append(task.score(logits.detach(), targets).mean())
        if step % evaluate_every == 0 or step == iterations:
            metrics = {"train/loss": _mean(losses), f"train/{task.metric}": _mean(scores)}
            if not math.isfinite(metrics["train/loss"]):
                raise DivergedError(f"the loss is {metrics['train/loss']} after {step} iterations")
            if validation is not None:
                found = evaluate(network, validation, task)
                metrics |= {f"validation/{name}": value for name, value in found.items()}
            observe(Point(step, step * batch_size / len(train), time.perf_counter() - started, metrics))
            losses, scores = [], []
        if step == iterations:
            return


def batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield index batches for ever: one shuffled epoch after another, every batch full."""
    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(count, generator=generator)])
        yield order[:batch_size]
        order = order[batch_size:]


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


def _mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).mean())
