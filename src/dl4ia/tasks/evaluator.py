"""What is done with the predictions of a task: measuring, choosing examples, drawing them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from dl4ia.data.imageset import ImageSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dl4ia.tasks.layers import Layers

Examples = dict[str, np.ndarray]  # names, images, targets, predictions and score of some images


@dataclass(frozen=True)
class Measured:
    """What an evaluation measures on one part: metrics by name, a row of results an image, and bins of calibration."""

    metrics: dict[str, float]
    images: pd.DataFrame
    calibration: pd.DataFrame


class Evaluator(ABC):
    """Measures and draws the predictions of one task.

    `keeps_mistakes_alone`: an image is right or wrong, and of a test set only the wrong ones are kept.
    """

    keeps_mistakes_alone: ClassVar[bool] = False

    @abstractmethod
    def measure(self, images: ImageSet, log_probabilities: Tensor, *, separation: float | None = None) -> Measured:
        """Measure predictions (n, classes, ...) of a part, given as logarithms of probabilities.

        With a `separation` (see `gland_objects`) also single objects at the published resolution, where the part has
        these.
        """

    @abstractmethod
    def kept(self, images: pd.DataFrame, *, test: bool) -> pd.DataFrame:
        """Return the rows of `Measured.images` of a part, a test set or not, that results/ keeps in git."""

    @abstractmethod
    def scores(self, images: pd.DataFrame) -> pd.Series:
        """Return the score of each row of `kept`, whose mean over all images is the headline metric."""

    def pictures(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame, title: str) -> "dict[str, Figure]":
        """Return the pictures of a part by name: examples, and what else shows how a network errs.

        `predicted` are classes (n,) or (n, h, w), `table` is as in `Measured.images`.
        """
        return {"examples": self.draw_examples(self.examples(images, predicted, table), title)}

    def layers(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame) -> "Layers | None":  # noqa: ARG002
        """Return the examples of a part as layers of pixels, or None where a prediction is no mask."""
        return None

    @abstractmethod
    def chosen(self, table: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Return which images of a part are the most telling, and by which column of its table they were chosen."""

    @abstractmethod
    def draw_examples(self, examples: Examples, title: str) -> "Figure":
        """Draw the chosen examples."""

    def examples(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame) -> Examples:
        """Return the most telling images of a part with `predicted` classes (n,) or (n, h, w)."""
        indices, score = self.chosen(table)
        return {
            "names": images.names[indices],
            "images": images.images[indices],
            "targets": images.targets[indices],
            "predictions": predicted[indices],
            "score": table[score].to_numpy()[indices],
        }
