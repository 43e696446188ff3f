"""Variants and ensembles: named experiments, rows of params.yaml."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from dl4ia.base.errors import ConfigError
from dl4ia.base.schema import Name, Strict
from dl4ia.config.settings import Settings
from dl4ia.tasks import TASKS, Task, register, task_of

REPORT = "report"  # the group of the experiments that reproduce the report
TestTime = Literal["none", "flips", "flips-and-turns"]


class Objects(Strict):
    """How touching objects are separated: at waists that are `separation` pixels narrower than both sides of them.

    Pixels are those of the published image.
    """

    separation: PositiveFloat


class OfTask(Strict):
    """A row of a task. It takes the task along to other processes, where those of params.yaml are not known."""

    task: str

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "task": task_of(self.task)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        task = state["task"]
        known = TASKS.get(task.name)
        if known is None or vars(known) != vars(task):
            register(task)
        super().__setstate__({key: value for key, value in state.items() if key != "task"})


class Row(OfTask):
    """What every experiment states: its task, the exercise it belongs to, and the values that the report gives.

    `group` names the experiments that are run together: `make repro` runs those of the group `report`. `test_time` says
    over which transformed copies of an image predictions are averaged at evaluation, and `objects` whether, and how,
    single objects are measured, too, at the published resolution. `compared_with` names rows whose test scores this
    one's are tested against.
    """

    exercise: str
    group: Name = REPORT
    about: str
    reported: dict[str, float]
    test_time: TestTime = "none"
    objects: Objects | None = None
    compared_with: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _task_allows_it(self) -> Self:
        try:
            task = task_of(self.task)
        except ConfigError as error:
            raise misfit("task", str(error)) from error
        _one_of("test_time", [self.test_time], task.test_time, self.task)
        if self.objects is not None and not measures_objects(task):
            raise misfit("objects", f"task {self.task} has no single objects")
        return self


class Variant(Row):
    """A network that is trained; `best` is the file of the study that its settings come from, if any."""

    settings: Settings
    best: str | None = None

    @model_validator(mode="after")
    def _settings_suit_the_task(self) -> Self:
        task, settings = task_of(self.task), self.settings
        _one_of("settings.split.strategy", [settings.split.strategy], task.strategies, self.task)
        kinds = [augmentation.kind for augmentation in settings.augmentation]
        _one_of("settings.augmentation", kinds, task.augmentations, self.task)
        _one_of("settings.loss.kind", [settings.loss.kind], task.losses, self.task)
        if not task.signature.dense and (settings.added_copies.flips or settings.added_copies.rotations):
            raise misfit("settings.added_copies", f"flipped and rotated copies do not suit task {self.task}")
        try:
            settings.network.check(task.signature)
        except ValueError as error:
            raise misfit("settings.network", str(error)) from error
        return self

    def training_command(self, name: str) -> str:
        """Return the command that trains this variant, whose name is `name`."""
        return f"dvc repro train-searched@{name}" if self.best else f"dvc repro train@{name}"


class Published(Strict):
    """What others report of a task, with the source; `scores` are metrics of test sets, such as `test_a_object_f1`."""

    task: str
    source: str
    scores: Annotated[dict[str, float], Field(min_length=1)]

    @model_validator(mode="after")
    def _scores_are_measured(self) -> Self:
        task = task_of(self.task)
        _one_of(
            "scores",
            self.scores,
            tuple(f"{part}_{name}" for part in task.test_sets for name in task.measured),
            self.task,
        )
        return self


class Ensemble(Row):
    """The mean of the probabilities of other variants' runs, of all their seeds; nothing is trained."""

    members: Annotated[tuple[Name, ...], Field(min_length=1)]


def measures_objects(task: Task) -> bool:
    """Return whether single objects can be measured of a task."""
    return any(name.startswith("object_") for name in task.measured)


def _one_of(key: str, values: Iterable[str], allowed: tuple[str, ...], task: str) -> None:
    for value in values:
        if value not in allowed:
            raise misfit(key, f"got {value!r}, and task {task} allows {', '.join(allowed) or 'none'}")


def misfit(key: str, reason: str) -> PydanticCustomError:
    """Return the error of a key that does not suit the rest of its row."""
    return PydanticCustomError("misfit", "{reason}", {"key": key, "reason": reason})
