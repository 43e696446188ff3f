"""What a point of the space is worth: the validation score of the network trained there."""

import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from dl4ia.config import OnSplit, Point, Range, Study
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split, folds
from dl4ia.experiment import TASKS, Normalization, device_for, fit_network
from dl4ia.parallel import stopping
from dl4ia.runs import Layout
from dl4ia.search.samplers import first_of
from dl4ia.training.checkpoint import Checkpoints
from dl4ia.training.loop import Point as CurvePoint

_SCORE = f"validation/{TASKS['warwick'].metric}"


class Objective:
    """Trains the network of a trial on each fold, from a start of its own, or on the one split; loads the data once."""

    def __init__(self, study: Study, layout: Layout, key: str) -> None:
        self._study = study
        self._layout = layout
        self._key = key

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the mean validation score after the last iteration; raises TrialPruned if it cannot become good.

        A pruner is told of each point of the curve where there is one split, and of the mean so far after each fold.
        A trial that was interrupted goes on where it was, in whichever trial repeats it.
        """
        checkpoints = self._checkpoints(trial.study.get_trials(deepcopy=False)[trial.number])
        variant = self._study.variant(self._suggested(trial))
        device = device_for(variant.settings.device)
        curves: list[dict[str, Any]] = []
        scores = []
        try:
            for fold, split in enumerate(self._splits, start=1):

                def observe(point: CurvePoint, fold: int = fold) -> None:
                    told = asdict(point)
                    curves.append({"fold": fold, **told.pop("metrics"), **told})
                    if len(self._splits) == 1:
                        _report(trial, point.metrics[_SCORE], point.step)

                normalization = Normalization.of(self._images.take(split.train).images)
                seed = self._study.seed + fold - 1  # a net that learns from one start and not from another is no find
                keeper = Checkpoints(checkpoints / f"fold-{fold}", stopping)
                fit_network(variant, seed, self._images, split, normalization, device, observe, keeper)
                scores.append(float(curves[-1][_SCORE]))
                if len(self._splits) > 1:
                    _report(trial, sum(scores) / len(scores), fold)
        finally:
            trial.set_user_attr("curves", curves)
        return sum(scores) / len(scores)

    def forget(self, _study: optuna.Study, trial: FrozenTrial) -> None:
        """Remove the checkpoints of a trial that has been told its end."""
        shutil.rmtree(self._checkpoints(trial), ignore_errors=True)

    def _checkpoints(self, trial: FrozenTrial) -> Path:
        """Return the folder of a trial's checkpoints; the study's key stands for its data, code and settings."""
        return self._layout.checkpoints(self._key) / f"trial-{first_of(trial)}"

    @cached_property
    def _images(self) -> ImageSet:
        """The training partition; the test images are in another file, of which nothing here knows."""
        return ImageSet.load(self._layout.dataset("warwick", "train"))

    @cached_property
    def _splits(self) -> list[Split]:
        objective = self._study.objective
        if isinstance(objective, OnSplit):
            return [Split.load(self._layout.split("warwick", objective.strategy)).within(len(self._images))]
        return folds(self._images, objective.folds, objective.strategy, self._study.seed)

    def _suggested(self, trial: optuna.Trial) -> Point:
        point: dict[str, Any] = {}
        for key, dimension in self._study.space.items():
            if not isinstance(dimension, Range):
                point[key] = trial.suggest_categorical(key, dimension.choices)
            elif isinstance(dimension.low, int) and isinstance(dimension.high, int):
                point[key] = trial.suggest_int(key, dimension.low, dimension.high, log=dimension.log)
            else:
                point[key] = trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)
        return point


def _report(trial: optuna.Trial, score: float, step: int) -> None:
    trial.report(score, step)
    if trial.should_prune():
        raise optuna.TrialPruned(f"{score:.3f} at step {step}")
