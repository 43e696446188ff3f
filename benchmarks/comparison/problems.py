"""What is trained: a variant of this project, and the same network, data and optimizer as others would have them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn, optim

from benchmarks.comparison import networks
from dl4ia import config
from dl4ia.config import Variant
from dl4ia.config.settings import Settings
from dl4ia.data.augmentation import AUGMENTATIONS
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split, load_split
from dl4ia.models.network import NetworkConfig, Signature
from dl4ia.runs.experiment import Standardizer, network_of, optimizer_of
from dl4ia.runs.layout import Layout
from dl4ia.tasks import Task, task_of
from dl4ia.training.batches import Labelled
from dl4ia.training.loop import predict
from dl4ia.training.losses import CrossEntropy
from dl4ia.training.schedules import Constant

_OPTIONS = ("lr", "momentum", "weight_decay")  # of an optimizer, as far as it has them


@dataclass(frozen=True)
class Problem:
    """A variant to train, for so many iterations by the clock.

    `listed` are those of the report's loop, which is slow, and `command` those of a whole `dl4ia train`. `test_images`
    is how many images the report's loop evaluates each time: as many as its test set has. `scored` says that so few
    iterations are enough for a score to mean something.
    """

    name: str
    iterations: int
    listed: int
    command: int
    test_images: int
    build: Callable[[NetworkConfig, Signature], nn.Module]
    flips: bool = False
    scored: bool = False

    @cached_property
    def variant(self) -> Variant:
        """The variant with no more in its recipe than all contenders have."""
        variant = config.load().variant(self.name)
        flips = [AUGMENTATIONS["flips"].model_validate({"kind": "flips"})] if self.flips else []
        changes = {
            "augmentation": tuple(flips), "ema_decay": 0.0, "schedule": Constant(kind="constant"),
            "loss": CrossEntropy(kind="cross-entropy"), "standardization": "training-set",
        }  # fmt: skip
        return variant.model_copy(update={"settings": variant.settings.model_copy(update=changes)})

    @property
    def batch_size(self) -> int:
        """Images of an iteration."""
        return self.variant.settings.batch_size

    @property
    def task(self) -> Task:
        """What is learned."""
        return task_of(self.variant.task)

    @cached_property
    def data(self) -> ImageSet:
        """The published training images; no test image is opened."""
        return ImageSet.load(Layout().dataset(self.task.name, "train"))

    @cached_property
    def split(self) -> Split:
        """Which of them validate."""
        return load_split(Layout().split(self.task.name, "random"), 0, len(self.data))

    @cached_property
    def standardizer(self) -> Standardizer:
        """Means and standard deviations of the training part."""
        return Standardizer.of(self.data.take(self.split.train).images, self.variant.settings)

    @cached_property
    def validation(self) -> Labelled:
        """The validation part, standardised."""
        part = self.data.take(self.split.validation)
        return Labelled(self.standardizer.apply(part.images), torch.from_numpy(part.targets).long())

    def network(self) -> nn.Module:
        """Return the untrained network as others would write it, with as many weights as ours, of the same shapes."""
        network, ours = self.build(self.variant.settings.network, self.task.signature), network_of(self.variant)
        assert _shapes(network) == _shapes(ours), f"{self.name}: another network"
        return network

    def optimizer(self, network: nn.Module) -> optim.Optimizer:
        """Return the optimizer as others have it."""
        return plain_optimizer(network, self.variant.settings)

    def score(self, network: nn.Module | None) -> float | None:
        """Return the mean metric of the validation images, or None where it would mean nothing."""
        if network is None or not self.scored:
            return None
        logits = predict(network, self.validation.images)
        return float(self.task.score(logits, self.validation.targets).mean())


def plain_optimizer(network: nn.Module, settings: Settings) -> optim.Optimizer:
    """Return the optimizer of these settings, with PyTorch's own choice of its implementation."""
    ours = optimizer_of(network, settings)
    options = {name: ours.defaults[name] for name in _OPTIONS if name in ours.defaults}
    return type(ours)(network.parameters(), **options)


def _shapes(network: nn.Module) -> list[tuple[int, ...]]:
    return sorted(tuple(parameter.shape) for parameter in network.parameters())


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("mnist-cnn", 300, 10, 2000, 10_000, networks.report_classifier, scored=True),
        Problem("warwick-start", 60, 20, 1000, 60, networks.report_segmenter),
        Problem("warwick-best", 25, 5, 100, 60, networks.u_net, flips=True),
    )
}
