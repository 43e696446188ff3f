"""How the networks of a task are applied to pictures from anywhere: a strategy for each kind of task."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from dl4ia.base.errors import UserError
from dl4ia.tasks.folders.task import ClassTask, MaskTask
from dl4ia.tasks.mnist import Mnist
from dl4ia.tasks.task import Task
from dl4ia.tasks.warwick import Warwick

Picture = NDArray[np.uint8]  # RGB (h, w, 3)
Probabilities = Callable[[NDArray[np.uint8] | NDArray[np.float32]], NDArray[np.float32]]
"""Raw images (n, channels, h, w), as in the dataset of the task, to the probabilities of classes (n, classes, ...)."""


@dataclass(frozen=True)
class Prediction:
    """What a network says of one picture: a row of the table of all, and pictures by name, (h, w) or (h, w, 3)."""

    row: dict[str, str | int | float]
    pictures: dict[str, NDArray[np.uint8]]


class Predictor(ABC):
    """Brings a picture into the form that networks of a task were trained on, and what they say back into its own."""

    @abstractmethod
    def predict(self, picture: Picture, probabilities: Probabilities) -> Prediction:
        """Return what is predicted of a picture of any size; raises DataError if it cannot be one of this kind."""


@singledispatch
def predictor_of(task: Task, microns_per_pixel: float | None = None) -> Predictor:  # noqa: ARG001
    """Return how networks of a task are applied to pictures with that many microns a pixel (None: as published).

    Raises UserError for a scale where there is none, and for a task whose networks take its own arrays alone.
    """
    raise UserError(f"task {task.name}: nothing is known of how a picture becomes an image of it")


@predictor_of.register
def _(task: Warwick, microns_per_pixel: float | None = None) -> Predictor:  # noqa: ARG001
    from dl4ia.tasks.gland_prediction import MICRONS_PER_PIXEL, GlandPredictor  # noqa: PLC0415

    return GlandPredictor(MICRONS_PER_PIXEL if microns_per_pixel is None else microns_per_pixel)


@predictor_of.register
def _(task: Mnist, microns_per_pixel: float | None = None) -> Predictor:
    from dl4ia.tasks.digit_prediction import DigitPredictor  # noqa: PLC0415

    _check_no_scale(task, microns_per_pixel)
    return DigitPredictor()


@predictor_of.register
def _(task: ClassTask, microns_per_pixel: float | None = None) -> Predictor:
    from dl4ia.tasks.folders.prediction import ClassPredictor  # noqa: PLC0415

    _check_no_scale(task, microns_per_pixel)
    return ClassPredictor(task)


@predictor_of.register
def _(task: MaskTask, microns_per_pixel: float | None = None) -> Predictor:
    from dl4ia.tasks.folders.prediction import MaskPredictor  # noqa: PLC0415

    _check_no_scale(task, microns_per_pixel)
    return MaskPredictor(task)


def _check_no_scale(task: Task, microns_per_pixel: float | None) -> None:
    if microns_per_pixel is not None:
        raise UserError(f"--microns-per-pixel: images of task {task.name} have no scale")
