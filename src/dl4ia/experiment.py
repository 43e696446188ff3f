"""One variant and one seed: builds network, data, loss and metrics, and trains into a run directory."""

import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dl4ia import files
from dl4ia.config import MnistVariant, Variant, WarwickSettings, WarwickVariant
from dl4ia.data.augment import add_flips, add_rotations
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.errors import DivergedError, RunError
from dl4ia.metrics.classification import correct
from dl4ia.metrics.segmentation import image_dice
from dl4ia.models.classifiers import classifier
from dl4ia.models.segmenters import conv_deconv
from dl4ia.parallel import Emit, run_side_by_side
from dl4ia.runs import Layout, RunDirectory
from dl4ia.training.loop import Labelled, Point, Task, fit
from dl4ia.training.optimizers import optimizer_for

TASKS = {"mnist": Task("accuracy", correct), "warwick": Task("dice", image_dice)}

# The sources that decide what a training results in; dvc.yaml names the same ones.
DECISIVE = ("experiment.py", "data/augment.py", "data/imageset.py", "metrics/classification.py",
            "metrics/segmentation.py", "models/classifiers.py", "models/layers.py", "models/segmenters.py",
            "training/loop.py", "training/objectives.py", "training/optimizers.py")  # fmt: skip


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
class Progress:
    """A new point of an experiment's curves, or the end of it (`point` is None)."""

    experiment: Experiment
    point: Point | None


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


def train_all(todo: Sequence[Experiment], observe: Callable[[Progress], None]) -> list[RunDirectory]:
    """Train side by side in processes; return the finished runs.

    A run that fails is marked so and the others go on; raises RunError for a variant of which no run is left.
    """
    for experiment in todo:
        shutil.rmtree(experiment.run.path, ignore_errors=True)
    run_side_by_side(train, todo, observe)
    finished = [experiment for experiment in todo if experiment.run.finished]
    for name in dict.fromkeys(experiment.name for experiment in todo):
        if name not in {experiment.name for experiment in finished}:
            reason = next(experiment.run.status["error"] for experiment in todo if experiment.name == name)
            raise RunError(f"every run of {name} failed: {reason}")
    return [experiment.run for experiment in finished]


def train(experiment: Experiment, emit: Emit) -> None:
    """Train one experiment into its run directory, emitting a Progress at each point and at the end."""
    run, settings = experiment.run, experiment.variant.settings
    device = device_for(settings.device)
    status = provenance(device) | {"state": "running", "started": time.time(), "seconds": 0.0}
    data, split = training_data(experiment)
    normalization = Normalization.of(data.take(split.train).images)
    run.write_config(_config(experiment, normalization))
    run.write_status(status)
    rows: list[dict[str, float]] = []

    def observe(point: Point) -> None:
        rows.append({"step": point.step, "epoch": point.epoch, "seconds": point.seconds} | point.metrics)
        run.write_history(rows)
        emit(Progress(experiment, point))

    try:
        network = fit_network(experiment.variant, experiment.seed, data, split, normalization, device, observe)
    except (DivergedError, RuntimeError, MemoryError) as error:  # PyTorch's own errors are RuntimeErrors
        status |= {"state": "failed", "error": f"{experiment.name}, seed {experiment.seed}: {error}"}
    else:
        run.write_weights(network.state_dict())
        status |= {"state": "finished"}
    run.write_status(status | {"seconds": rows[-1]["seconds"] if rows else 0.0})
    emit(Progress(experiment, None))


def fit_network(  # noqa: PLR0913
    variant: Variant,
    seed: int,
    data: ImageSet,
    split: Split,
    normalization: Normalization,
    device: torch.device,
    observe: Callable[[Point], None],
) -> nn.Module:
    """Train a variant's network on the part of `data` that `split` says, telling `observe` each point; return it."""
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
    split = Split.load(layout.split(task, experiment.variant.settings.split.strategy))
    return ImageSet.load(layout.dataset(task, "train")), split


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


def _config(experiment: Experiment, normalization: Normalization) -> dict[str, Any]:
    """Return all that decides the run, and nothing else."""
    layout, variant = experiment.layout, experiment.variant
    settings = variant.settings.model_dump(mode="json", exclude={"seeds", "device"})
    return {
        "variant": experiment.name,
        "task": variant.task,
        "seed": experiment.seed,
        "settings": settings,
        "normalization": {"mean": normalization.mean, "std": normalization.std},
        "data": files.digest(layout.dataset(variant.task, "train")),
        "split": files.digest(layout.split(variant.task, variant.settings.split.strategy)),
        "code": code_hash(),
    }


def code_hash(*others: str) -> str:
    """Return one digest of the sources that decide what a training results in, and of `others` of the package."""
    package = resources.files("dl4ia")
    digest = hashlib.sha256()
    for name in (*DECISIVE, *others):
        digest.update(package.joinpath(name).read_bytes())
    return digest.hexdigest()


def provenance(device: torch.device) -> dict[str, Any]:
    """Return what the run was done with and on."""
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "git_commit": git.stdout.strip(),
    }
