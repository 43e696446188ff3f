"""What Optuna calls with a trial: draws a point, trains it, reports to the pruner, keeps checkpoints and curves."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import optuna
import torch
from optuna.trial import FrozenTrial
from pydantic import ValidationError

from dl4ia.base.errors import ConfigError
from dl4ia.config import Point, Range, Study
from dl4ia.config.messages import first_error
from dl4ia.config.studies import Value
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.execution.ticks import Ticks
from dl4ia.search.samplers import root_trial_number
from dl4ia.search.score import metric_of, running_scores
from dl4ia.training.callbacks import Callback
from dl4ia.training.checkpoint import Checkpointer
from dl4ia.training.loop import Point as CurvePoint
from dl4ia.training.loop import Training


@dataclass(frozen=True)
class Objective:
    """The objective of one study in one process; its checkpoints are below `checkpoints`.

    `images` is the training partition: the test images are in another file, which nothing here opens. `report` is
    called every second with the number of a trial and the part of it that is done.
    """

    study: Study
    images: ImageSet
    splits: Sequence[Split]
    device: torch.device
    checkpoints: Path
    stopping: Callable[[], bool]
    report: Callable[[int, float], None]

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the mean validation score after the last iteration; raises TrialPruned if it is not promising.

        A pruner receives each point of the curve where there is one split, and the mean so far after each fold. A trial
        that was interrupted continues where it was, in whichever trial repeats it. Raises ConfigError for a point
        where there is no network, DivergedError, and StoppedError when asked to stop.
        """
        point, curves, value = self._point(trial), list[dict[str, float]](), math.nan
        folder = self._folder(trial.study.get_trials(deepcopy=False)[trial.number])

        def callbacks(fold: int) -> list[Callback]:
            checkpointer = Checkpointer(folder / f"fold-{fold}", self.stopping)
            pruning = [_Pruning(trial, metric_of(self.study))] if len(self.splits) == 1 else []
            return [checkpointer, _Curves(fold, curves), _Reporter(self, trial.number, fold), *pruning]

        try:
            scores = running_scores(self.study, point, self.images, self.splits, self.device, callbacks)
            for fold, value in enumerate(scores, start=1):
                if len(self.splits) > 1:
                    _report(trial, value, fold, last=len(self.splits))
        finally:
            trial.set_user_attr("curves", curves)
        return value

    def remove_checkpoints(self, _study: optuna.Study, trial: FrozenTrial) -> None:
        """Remove the checkpoints of a trial that has ended."""
        shutil.rmtree(self._folder(trial), ignore_errors=True)

    def _folder(self, trial: FrozenTrial) -> Path:
        return self.checkpoints / f"trial-{root_trial_number(trial)}"

    def _point(self, trial: optuna.Trial) -> Point:
        point = {key: _suggestion(trial, key, self.study) for key in self.study.space}
        try:
            self.study.variant(point)
        except ValidationError as error:
            raise ConfigError(first_error(error, self.study.settings_at(point))) from error
        return point


def _suggestion(trial: optuna.Trial, key: str, study: Study) -> Value:
    dimension = study.space[key]
    if not isinstance(dimension, Range):
        return cast("Value", trial.suggest_categorical(key, dimension.choices))
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return trial.suggest_int(key, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)


def _report(trial: optuna.Trial, score: float, step: int, *, last: int) -> None:
    """Report to the pruner, which may raise TrialPruned before the last step: after it there is nothing to save."""
    trial.report(score, step)
    if step < last and trial.should_prune():
        raise optuna.TrialPruned(f"{score:.3f} at step {step}")


@dataclass(frozen=True)
class _Curves(Callback):
    """Collects the points of all folds as rows of `curves.csv`."""

    fold: int
    rows: list[dict[str, float]]

    def on_point(self, training: Training, point: CurvePoint) -> None:  # noqa: ARG002
        self.rows.append({"fold": self.fold, **point.row})


@dataclass
class _Reporter(Callback):
    """Reports how far a trial is."""

    objective: Objective
    trial: int
    fold: int
    clock: Ticks = field(default_factory=Ticks)

    def on_step(self, training: Training) -> None:
        if self.clock.due():
            done = self.fold - 1 + training.step / training.recipe.iterations
            self.objective.report(self.trial, done / len(self.objective.splits))


@dataclass(frozen=True)
class _Pruning(Callback):
    """Reports each point to the pruner."""

    trial: optuna.Trial
    metric: str

    def on_point(self, training: Training, point: CurvePoint) -> None:
        _report(self.trial, point.metrics[self.metric], point.step, last=training.recipe.iterations)
