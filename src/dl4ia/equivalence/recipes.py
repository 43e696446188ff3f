"""Short trainings that between them use every kind of network, recipe and study."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dl4ia.base import atomic_files
from dl4ia.config import Params, Study
from dl4ia.config.sections import merged
from dl4ia.config.variants import measures_objects
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, SplitSizes, save_splits
from dl4ia.runs.layout import Layout
from dl4ia.tasks import Task, task_of

_BUDGET = {"iterations": 24, "evaluate_every": 8}
_IMAGES = {"train": 60, "test": 12}  # of each part of a partition
_SIZES = SplitSizes(seed=0, validation=0.2)

Section = dict[str, Any]

# For each task, sections over the settings of its first variant: kinds that params.yaml may not use.
_MORE: dict[str, dict[str, Section]] = {
    "mnist": {
        "one cycle, smooth labels, deformed digits": {
            "schedule": {"kind": "one-cycle"},
            "loss": {"kind": "cross-entropy", "label_smoothing": 0.1},
            "augmentation": [
                {"kind": "affine", "degrees": 10, "scale": 0.1, "shear": 5, "shift": 0.1},
                {"kind": "elastic", "strength": 2, "smoothness": 8},
            ],
        },
        "stages of convolutions": {"network": {"kind": "convnet", "stages": [[4, 4], [6]]}},
        "SGD, weight decay": {
            "optimizer": {"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9},
            "regularization": {"kind": "weight-decay", "strength": 0.01},
        },
    },
    "warwick": {
        "cosine, Dice loss, all augmentations, averaged and clipped, images by themselves": {
            "schedule": {"kind": "cosine", "warmup": 0.1},
            "loss": {"kind": "cross-entropy-dice"},
            "augmentation": [
                {"kind": "flips"},
                {"kind": "quarter-turns"},
                {"kind": "affine", "degrees": 15, "shift": 0.1},
                {"kind": "elastic", "strength": 2, "smoothness": 16},
                {"kind": "stain-jitter", "scale": 0.1, "shift": 0.1},
            ],
            "ema_decay": 0.9,
            "max_gradient_norm": 1.0,
            "standardization": "image",
            "added_copies": {"flips": True, "rotations": True},
        },
        "copies before the split": {"added_copies": {"rotations": True, "before_split": True}},
        "U-Net": {"network": {"kind": "unet", "width": 4, "levels": 2}},
        "U-Net, residual, pixel-unshuffle": {
            "network": {"kind": "unet", "width": 4, "levels": 2, "residual": True, "pixel_unshuffle": 2}
        },
    },
}


@dataclass(frozen=True)
class Recipe:
    """A training of `settings`, or the trial of a `study` at a `point`; JSON, which another revision can read too.

    What is trained is also `evaluated`, if the recipe says so.
    """

    name: str
    task: str
    settings: Section | None = None
    evaluated: bool = False
    study: Section | None = None
    point: Section | None = None


def recipes(params: Params) -> list[Recipe]:
    """Return the trainings of all variants, of the points that between them have every choice of the studies, and more.

    Recipes that differ in a rate or strength alone use the same code: of these, the first is returned. The first of
    each kind of network is evaluated.
    """
    different: dict[str, Recipe] = {}
    for recipe in (*_of_variants(params), *_of_studies(params)):
        different.setdefault(json.dumps(_kind(asdict(recipe) | {"name": ""}), sort_keys=True), recipe)
    networks: set[tuple[str, str]] = set()
    for key, recipe in different.items():
        if recipe.settings and (network := (recipe.task, recipe.settings["network"]["kind"])) not in networks:
            networks.add(network)
            different[key] = replace(recipe, evaluated=True, settings=recipe.settings | {"seeds": [0, 1]})
    return list(different.values())


def _kind(settings: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return settings with fractions reduced to whether they are zero."""
    if isinstance(settings, dict):
        return {key: _kind(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [_kind(value) for value in settings]
    return settings > 0 if isinstance(settings, float) else settings


def _of_variants(params: Params) -> Iterator[Recipe]:
    first: dict[str, Section] = {}
    for name, variant in params.variants.items():
        settings = variant.settings.deciding
        first.setdefault(variant.task, settings)
        yield _training(name, variant.task, settings)
    for task, settings in first.items():
        for name, sections in _MORE.get(task, {}).items():
            yield _training(f"{task}, {name}", task, merged(settings, sections))


def _of_studies(params: Params) -> Iterator[Recipe]:
    for name, study in params.studies.items():
        points = list(study.corners())
        for number, point in enumerate(points):
            yield _training(f"{name}, point {number}", study.task, study.variant(point).settings.deciding)
        yield Recipe(f"trial of {name}", study.task, study=_written(study), point=dict(points[0]))


def _training(name: str, task: str, settings: Section) -> Recipe:
    return Recipe(name, task, settings=settings | _BUDGET | {"seeds": [0]})


def _written(study: Study) -> Section:
    return study.model_copy(update=_BUDGET).model_dump(mode="json")


def write_data(params: Params, layout: Layout) -> None:
    """Write some images of each task, and their splits: what the recipes are trained and evaluated on.

    They are those of the working copy in this folder, or of the stand-in where it has none.
    """
    for name in params.split:
        task = task_of(name)
        images = _some_images(task, "train")
        images.save(layout.dataset(name, "train"))
        _some_images(task, "test").save(layout.dataset(name, "test"))
        for strategy in task.strategies:
            save_splits(layout.split(name, strategy), STRATEGIES[strategy](images, _SIZES))


def _some_images(task: Task, partition: str) -> ImageSet:
    """Return the first images of each part of a partition."""
    path, parts = Layout().dataset(task.name, partition), task.parts[partition]
    images = ImageSet.load(path) if path.exists() else task.stand_in(parts)
    if images.objects is None and measures_objects(task):
        images = replace(images, objects=images.targets.astype(np.uint8))  # each mask as one object
    return images.take(
        np.concatenate([np.flatnonzero(images.partition == part)[: _IMAGES[partition]] for part in parts])
    )


def write_recipes(todo: list[Recipe], path: Path) -> None:
    """Write recipes as JSON."""
    atomic_files.write_json(path, [asdict(recipe) for recipe in todo])
