"""What a task is: everything that is specific to a dataset, in one object. No other package asks which task it has.

Modules that decide nothing of a training (readers, evaluation, figures) are imported inside functions: the version of a
training's code follows the imports at the top of modules alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from dl4ia.base.errors import ConfigError
from dl4ia.base.registry import suggestion
from dl4ia.data.imageset import ImageSet
from dl4ia.data.publication import Publication
from dl4ia.models.network import Signature

if TYPE_CHECKING:
    from dl4ia.tasks.evaluator import Evaluator


class Task(ABC):
    """A dataset and what is done with it.

    `parts` lists the published parts of the `train` and `test` partition. `metric` is the name of `score`, which the
    curves show; `measured` are the metrics that an evaluation can have, those in `headline` first and in every table.
    """

    name: ClassVar[str]  # of folders and of rows in params.yaml
    title: ClassVar[str]  # of tables and figures
    experiment: ClassVar[str]  # in MLflow
    publication: ClassVar[Publication | None]  # None: the data come from the stand-in alone
    parts: ClassVar[Mapping[str, tuple[str, ...]]]
    signature: ClassVar[Signature]
    classes: ClassVar[tuple[str, ...]]
    metric: ClassVar[str]
    headline: ClassVar[tuple[str, ...]]
    measured: ClassVar[tuple[str, ...]]
    strategies: ClassVar[tuple[str, ...]]  # of `data.splits.STRATEGIES`
    augmentations: ClassVar[tuple[str, ...]]  # of `data.augmentation.AUGMENTATIONS`
    losses: ClassVar[tuple[str, ...]]  # of `training.losses.LOSSES`
    test_time: ClassVar[tuple[str, ...]]  # of `runs.predictions`: views averaged over at evaluation

    @property
    def test_sets(self) -> tuple[str, ...]:
        """The parts of the test partition, the one in the headline first."""
        return self.parts["test"]

    @property
    def headline_metric(self) -> str:
        """The column of the test score that the report compares, such as `test_a_dice`."""
        return f"{self.test_sets[0]}_{self.metric}"

    def takes(self, images: ImageSet) -> bool:
        """Return whether images have the channels of the task, and targets that are its classes."""
        return images.images.shape[1] == self.signature.channels and int(images.targets.max()) < len(self.classes)

    @abstractmethod
    def read(self, folder: Path, parts: tuple[str, ...]) -> ImageSet:
        """Read parts of the published files, whose digests have been checked; raises DataError."""

    @abstractmethod
    def stand_in(self, parts: tuple[str, ...]) -> ImageSet:
        """Return the stand-in for parts: seeded, with the shapes and types of the real data."""

    @abstractmethod
    def score(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the metric of each image, (n,), as the curves show it."""

    @abstractmethod
    def evaluator(self) -> "Evaluator":
        """Return what measures and draws predictions; imported here, for it decides nothing of a training."""


TASKS: dict[str, Task] = {}


def register(task: Task) -> None:
    """Make a task known under its name."""
    TASKS[task.name] = task


def task_of(name: str) -> Task:
    """Return the task of that name; raises ConfigError if there is none."""
    if name not in TASKS:
        raise ConfigError(f"task {name!r} is unknown{suggestion(name, TASKS)}; expected one of {', '.join(TASKS)}")
    return TASKS[name]
