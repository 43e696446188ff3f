"""The one training loop. What differs between experiments comes in as objects: recipe, data and callbacks."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim

from dl4ia.base.errors import DivergedError
from dl4ia.data.augmentation.base import AugmentationConfig
from dl4ia.training.averaging import WeightAverage
from dl4ia.training.batches import Batches, Labelled
from dl4ia.training.callbacks import Callback
from dl4ia.training.cuda_graph import Compute, CudaGraph
from dl4ia.training.losses.base import LossConfig
from dl4ia.training.losses.cross_entropy import CrossEntropy, cross_entropy
from dl4ia.training.penalty import l2_penalty
from dl4ia.training.schedules.base import ScheduleConfig

_EQUATION_1 = CrossEntropy(kind="cross-entropy")
_PIXELS_AT_ONCE = 1 << 19  # of an evaluation: enough to keep a core busy, few enough to stay in its cache

Score = Callable[[Tensor, Tensor], Tensor]  # logits and targets to the metric of each image, (n,)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: everything that the loop takes from the settings."""

    iterations: int
    batch_size: int
    evaluate_every: int
    loss: LossConfig
    l2: float
    schedule: ScheduleConfig
    augmentation: Sequence[AugmentationConfig]
    max_gradient_norm: float | None
    metric: str  # what `score` measures
    score: Score


@dataclass(frozen=True)
class Point:
    """One point of the curves: `metrics` by name after `step` iterations and `seconds` of training."""

    step: int
    epoch: float
    seconds: float
    learning_rate: float
    metrics: dict[str, float]

    @property
    def row(self) -> dict[str, float]:
        """The point as a row of `history.csv`."""
        flat = asdict(self)
        return {**{key: value for key, value in flat.items() if key != "metrics"}, **self.metrics}


@dataclass
class Training:
    """A training between two iterations: all that the next ones depend on, and what has been measured so far.

    `average` is the running mean of the weights, if the recipe keeps one. PyTorch's random states are part of the
    state; nothing here draws from NumPy's or Python's.
    """

    network: nn.Module
    optimizer: optim.Optimizer
    batches: Batches
    recipe: Recipe
    device: torch.device
    average: WeightAverage | None = None
    step: int = 0
    seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)  # of the batches since the last point
    scores: list[Tensor] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.step == self.recipe.iterations

    @property
    def weights(self) -> dict[str, Tensor]:
        """The state of the network to validate and save: the averaged one where an average is kept."""
        return self.network.state_dict() if self.average is None else self.average.weights()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors, numbers and names alone."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
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
        """Continue from what `state_dict` returned; states of CUDA only matter where there is one."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.batches.load_state_dict(state["batches"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.points = [Point(**point) for point in state["points"]]
        self.losses, self.scores = (list(state[name].to(self.device)) for name in ("losses", "scores"))


def _stacked(values: list[Tensor]) -> Tensor:
    return torch.stack(values) if values else torch.empty(0)


def fit(training: Training, train: Labelled, validation: Labelled | None, callbacks: Sequence[Callback] = ()) -> None:
    """Train the network in place, with a point of the curves every `evaluate_every` iterations and at the end.

    The training metrics of a point are means over the batches since the last point, without an extra pass. The loss of
    the curves is Equation 1, whatever is minimised. Raises DivergedError when a loss is no longer finite, and whatever
    a callback raises.
    """
    for callback in callbacks:
        callback.on_start(training)
    for point in training.points:
        for callback in callbacks:
            callback.on_point(training, point)
    started = time.perf_counter() - training.seconds
    training.network.train()
    differentiate: Compute = partial(_differentiate, training)
    if training.device.type == "cuda":
        differentiate = CudaGraph(differentiate)
    while not training.finished:
        rate = _iterate(training, train, differentiate)
        point_due = training.finished or training.step % training.recipe.evaluate_every == 0
        if point_due:
            metrics = _mean_metrics(training) | _validation_metrics(training, validation)
            epoch = training.step * training.recipe.batch_size / len(train)
            training.points.append(Point(training.step, epoch, time.perf_counter() - started, rate, metrics))
        training.seconds = time.perf_counter() - started
        for callback in callbacks:
            if point_due:
                callback.on_point(training, training.points[-1])
            callback.on_step(training)


def _iterate(training: Training, train: Labelled, differentiate: Compute) -> float:
    """Do one iteration; return its learning rate."""
    recipe, optimizer = training.recipe, training.optimizer
    factor = recipe.schedule.factor(training.step, recipe.iterations)
    for group in optimizer.param_groups:
        group["lr"] = optimizer.defaults["lr"] * factor
    images, targets = train.take(training.batches.next())
    for augmentation in recipe.augmentation:
        images, targets = augmentation.apply(images, targets, training.batches.generator)
    loss, score = differentiate(images, targets)
    optimizer.step()
    if training.average is not None:
        training.average.update()
    training.step += 1
    training.losses.append(loss)
    training.scores.append(score)
    return float(optimizer.param_groups[0]["lr"])


def _differentiate(training: Training, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Leave the gradients of what is minimised in the parameters; return Equation 1 and the metric of the batch."""
    recipe, network = training.recipe, training.network
    network.zero_grad()
    logits = network(images)
    loss = recipe.loss.value(logits, targets)
    (loss + recipe.l2 * l2_penalty(network) if recipe.l2 else loss).backward()
    if recipe.max_gradient_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), recipe.max_gradient_norm)
    logits = logits.detach()
    equation_1 = loss.detach() if recipe.loss == _EQUATION_1 else cross_entropy(logits, targets)
    return equation_1, recipe.score(logits, targets).mean()


def _mean_metrics(training: Training) -> dict[str, float]:
    """Return the training metrics since the last point, and reset them; raises DivergedError."""
    loss, score = (float(torch.stack(values).mean()) for values in (training.losses, training.scores))
    if not math.isfinite(loss):
        raise DivergedError(f"the training loss is {loss} after {training.step} iterations")
    training.losses, training.scores = [], []
    return {"train/loss": loss, f"train/{training.recipe.metric}": score}


def _validation_metrics(training: Training, validation: Labelled | None) -> dict[str, float]:
    """Return loss (Equation 1) and metric, averaged over the validation images; raises DivergedError."""
    if validation is None:
        return {}
    recipe = training.recipe
    if training.average is None:
        logits = predict(training.network, validation.images)
    else:
        with training.average.applied(training.network):
            logits = predict(training.network, validation.images)
    loss = float(cross_entropy(logits, validation.targets))
    if not math.isfinite(loss):
        raise DivergedError(f"the validation loss is {loss} after {training.step} iterations")
    score = float(recipe.score(logits, validation.targets).mean())
    return {"validation/loss": loss, f"validation/{recipe.metric}": score}


def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of standardised images (n, c, h, w), in evaluation mode; the network's mode is restored."""
    was_training = network.training
    network.eval()
    at_once = max(1, _PIXELS_AT_ONCE // images[0, 0].numel())
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in images.split(at_once)])
    network.train(was_training)
    return logits
