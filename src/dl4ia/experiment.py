"""One variant and one seed: builds network, data, loss and metrics, and trains."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dl4ia.config import MnistVariant, Variant, WarwickSettings, WarwickVariant
from dl4ia.data.augment import add_flips, add_rotations
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.metrics.classification import correct
from dl4ia.metrics.segmentation import image_dice
from dl4ia.models.classifiers import classifier
from dl4ia.models.segmenters import conv_deconv
from dl4ia.runs import Layout, RunDirectory
from dl4ia.training.loop import Keeper, Labelled, Point, Task, fit
from dl4ia.training.optimizers import optimizer_for

TASKS = {"mnist": Task("accuracy", correct), "warwick": Task("dice", image_dice)}


@dataclass(frozen=True)
class Experiment:
    """A variant and one of its seeds, and the working copy it is done in."""

    name: str
    variant: Variant
    seed: int
    layout: Layout

    @property
    def run(self) -> RunDirectory:
        """Where it is, or will be, on disk."""
        return self.layout.run(self.name, self.seed)


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each channel over the images trained on."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: np.ndarray) -> "Normalization":
        """Measure images (n, channels, h, w)."""
        std, mean = torch.std_mean(torch.from_numpy(images).float(), dim=(0, 2, 3))
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, images: np.ndarray) -> Tensor:
        """Return images (n, channels, h, w) as float32 of mean 0 and standard deviation 1."""
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return (torch.from_numpy(images).float() - mean) / std


def experiments(name: str, variant: Variant, layout: Layout) -> list[Experiment]:
    """Return one experiment a seed."""
    return [Experiment(name, variant, seed, layout) for seed in variant.settings.seeds]


def fit_network(  # noqa: PLR0913
    variant: Variant,
    seed: int,
    data: ImageSet,
    split: Split,
    normalization: Normalization,
    device: torch.device,
    observe: Callable[[Point], None],
    keeper: Keeper | None = None,
) -> nn.Module:
    """Train a variant's network on the part of `data` that `split` says, telling `observe` each point; return it.

    `keeper` may bring it to where an earlier training of the same was left.
    """
    settings = variant.settings
    torch.backends.cudnn.deterministic = True
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = network_for(variant).to(device)
    train, validation = (_tensors(data.take(part), normalization) for part in (split.train, split.validation))
    if isinstance(variant, WarwickVariant):
        train = _augmented(train, variant.settings, generator)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    train, validation = (_placed(part, device, layout) for part in (train, validation))
    fit(
        network,
        optimizer_for(network, settings.optimizer, settings.regularization),
        train,
        validation if len(validation) else None,
        TASKS[variant.task],
        l2=settings.regularization.l2,
        batch_size=settings.batch_size,
        iterations=settings.iterations,
        evaluate_every=settings.evaluate_every,
        generator=generator,
        observe=observe,
        keeper=keeper,
    )
    return network


def _augmented(train: Labelled, settings: WarwickSettings, generator: torch.Generator) -> Labelled:
    if settings.flips:
        train = Labelled(*add_flips(train.images, train.targets))
    if settings.rotations:
        train = Labelled(*add_rotations(train.images, train.targets, generator))
    return train


def network_for(variant: Variant) -> nn.Sequential:
    """Return the untrained network of a variant."""
    if isinstance(variant, MnistVariant):
        return classifier(variant.settings.network)
    return conv_deconv(variant.settings.network)


def training_data(experiment: Experiment) -> tuple[ImageSet, Split]:
    """Return the training partition and which of it validates; the test partition is another file."""
    layout, task = experiment.layout, experiment.variant.task
    data = ImageSet.load(layout.dataset(task, "train"))
    split = Split.load(layout.split(task, experiment.variant.settings.split.strategy))
    return data, split.within(len(data))


def device_for(name: str) -> torch.device:
    """Return the device of that name, or for `auto` the best there is."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _tensors(images: ImageSet, normalization: Normalization) -> Labelled:
    return Labelled(normalization.apply(images.images), torch.from_numpy(images.targets).long())


def _placed(labelled: Labelled, device: torch.device, layout: torch.memory_format) -> Labelled:
    """Bring all to the device once, so that training only indexes."""
    return Labelled(labelled.images.to(device).contiguous(memory_format=layout), labelled.targets.to(device))
