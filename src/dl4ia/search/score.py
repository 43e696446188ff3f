"""What a point of a study's space is worth: the validation score of the networks trained there.

The imports at the top of this module decide the version of a study's code (see `runs/code.py`). They stay narrow: an
edit to queue, storage or messages refuses no study.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from dl4ia.config.studies import OnFolds, Point, Study
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split, folds, load_split
from dl4ia.runs.experiment import Standardizer, fit_network
from dl4ia.tasks import task_of
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Point as CurvePoint
from dl4ia.training.loop import Training


def metric_of(study: Study) -> str:
    """Return the name of the metric that a study maximises, as the curves have it."""
    return f"validation/{task_of(study.task).metric}"


def splits_of(study: Study, images: ImageSet, path: Path) -> list[Split]:
    """Return what a trial is trained and validated on: the folds, or the split in the file `path`; raises DataError."""
    if isinstance(study.objective, OnFolds):
        return folds(images, study.objective.folds, study.objective.strategy, study.seed)
    return [load_split(path, study.seed, len(images))]


def running_scores(  # noqa: PLR0913
    study: Study,
    point: Point,
    images: ImageSet,
    splits: Sequence[Split],
    device: torch.device,
    callbacks: Callable[[int], Sequence[Callback]],
) -> Iterator[float]:
    """Train the network of a point on each split; yield after each the mean of the validation scores so far.

    The last one is what the point is worth. Folds are counted from 1 and have a seed each; `callbacks` returns those of
    a fold. Raises DivergedError, and whatever a callback raises.
    """
    variant, metric, scores = study.variant(point), metric_of(study), list[float]()
    for fold, split in enumerate(splits, start=1):
        end = _LastPoint()
        seed = study.seed + fold - 1  # a setting that works from one start alone is not a good one
        standardizer = Standardizer.of(images.take(split.train).images, variant.settings)
        fit_network(variant, seed, images, split, standardizer, device, [*callbacks(fold), end])
        scores.append(end.metrics[metric])
        yield sum(scores) / len(scores)


@dataclass
class _LastPoint(Callback):
    """Keeps the metrics of the newest point."""

    metrics: dict[str, float] = field(default_factory=dict)

    def on_point(self, training: Training, point: CurvePoint) -> None:  # noqa: ARG002
        self.metrics = point.metrics
