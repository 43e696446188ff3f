"""One variant and one seed: network, data, recipe and loop put together.

This module's import closure is the code that decides what a training results in (see `runs/code.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn, optim

from dl4ia.base.errors import DataError, UserError
from dl4ia.config.settings import Device, Settings
from dl4ia.config.variants import Variant
from dl4ia.data.added_copies import add_flips, add_rotations
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.tasks import Task, task_of
from dl4ia.training.averaging import WeightAverage
from dl4ia.training.batches import Batches, Labelled
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Recipe, Training, fit

_SMALLEST_STD = 1e-6  # of an image that is standardised by itself: one of a single colour stays finite


@dataclass(frozen=True)
class Standardizer:
    """Brings images to mean 0 and standard deviation 1 a channel: by the training images, or each image by itself.

    `mean` and `std` are None where each image is standardised by itself.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @classmethod
    def of(cls, images: np.ndarray, settings: Settings) -> "Standardizer":
        """Measure training images (n, channels, h, w); raises DataError for a channel that is constant."""
        if settings.standardization == "image":
            return cls()
        std, mean = torch.std_mean(torch.from_numpy(images).float(), dim=(0, 2, 3))
        if not (std > 0).all():
            raise DataError(
                f"channel {int((~(std > 0)).nonzero()[0]) + 1} of {len(std)} has the same value in all training "
                f"images, which cannot standardise it: set standardization to image"
            )
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, images: np.ndarray) -> Tensor:
        """Return images (n, channels, h, w) as standardised float32."""
        tensor = torch.from_numpy(images).float()
        if not len(tensor):
            return tensor  # as where no image validates; PyTorch warns of the deviation of none
        if self.mean is None or self.std is None:
            std, mean = torch.std_mean(tensor, dim=(2, 3), keepdim=True)
            return (tensor - mean) / std.clamp(min=_SMALLEST_STD)
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return (tensor - mean) / std


def network_of(variant: Variant) -> nn.Module:
    """Return the untrained network of a variant."""
    return variant.settings.network.build(task_of(variant.task).signature)


def optimizer_of(network: nn.Module, settings: Settings) -> optim.Optimizer:
    """Return the optimizer of a network, as the settings describe it."""
    return settings.optimizer.build(network, settings.regularization)


def fit_network(  # noqa: PLR0913
    variant: Variant,
    seed: int,
    data: ImageSet,
    split: Split,
    standardizer: Standardizer,
    device: torch.device,
    callbacks: Sequence[Callback] = (),
) -> nn.Module:
    """Train a variant's network on the training part of a split of `data`; return it with the weights to keep.

    Callbacks may restore an earlier state of the same training. Raises DivergedError.
    """
    settings, task = variant.settings, task_of(variant.task)
    torch.backends.cudnn.deterministic = True
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    network = network_of(variant).to(device).to(memory_format=layout)
    train, validation = (_labelled(data.take(part), standardizer) for part in (split.train, split.validation))
    if settings.added_copies.before_split:
        train, validation = _split_with_copies(train, validation, settings, generator)
    else:
        train = _with_copies(train, settings, generator)
    train, validation = (_placed(part, device, layout) for part in (train, validation))
    training = Training(
        network,
        optimizer_of(network, settings),
        Batches(len(train), settings.batch_size, generator, device),
        recipe_of(settings, task),
        device,
        WeightAverage(network, settings.ema_decay) if settings.ema_decay else None,
    )
    fit(training, train, validation if len(validation) else None, callbacks)
    network.load_state_dict(training.weights)
    return network


def recipe_of(settings: Settings, task: Task) -> Recipe:
    """Return what the loop takes from the settings."""
    return Recipe(
        iterations=settings.iterations,
        batch_size=settings.batch_size,
        evaluate_every=settings.evaluate_every,
        loss=settings.loss,
        l2=settings.regularization.l2,
        schedule=settings.schedule,
        augmentation=settings.augmentation,
        max_gradient_norm=settings.max_gradient_norm,
        metric=task.metric,
        score=task.score,
    )


def device_for(name: Device) -> torch.device:
    """Return the device of that name, or for `auto` the best there is; raises UserError if it is not available."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, usable in available.items() if usable))
    if not available[name]:
        raise UserError(f"params.yaml: device: got {name!r}, which this machine does not have; set auto or cpu")
    return torch.device(name)


def _labelled(images: ImageSet, standardizer: Standardizer) -> Labelled:
    return Labelled(standardizer.apply(images.images), torch.from_numpy(images.targets).long())


def _with_copies(train: Labelled, settings: Settings, generator: torch.Generator) -> Labelled:
    if settings.added_copies.flips:
        train = Labelled(*add_flips(train.images, train.targets))
    if settings.added_copies.rotations:
        train = Labelled(*add_rotations(train.images, train.targets, generator))
    return train


def _split_with_copies(
    train: Labelled, validation: Labelled, settings: Settings, generator: torch.Generator
) -> tuple[Labelled, Labelled]:
    """Return as large a part of originals and copies to validate on, drawn at random, after the part to train on."""
    share = len(validation) / (len(train) + len(validation))
    pairs = zip((train.images, train.targets), (validation.images, validation.targets), strict=True)
    both = _with_copies(Labelled(*(torch.cat(pair) for pair in pairs)), settings, generator)
    order = torch.randperm(len(both), generator=generator)
    count = round(share * len(both))
    return Labelled(*both.take(order[count:])), Labelled(*both.take(order[:count]))


def _placed(labelled: Labelled, device: torch.device, layout: torch.memory_format) -> Labelled:
    """Bring all to the device once, so that training only indexes."""
    return Labelled(labelled.images.to(device).contiguous(memory_format=layout), labelled.targets.to(device))
