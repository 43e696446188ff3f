"""Studies: what is searched, how, and by which measure."""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import product
from numbers import Real
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, NonNegativeInt, PositiveFloat, model_validator

from dl4ia.base.errors import ConfigError
from dl4ia.base.schema import Count, Name, Size, Strict
from dl4ia.config.sections import flat, merged, nested
from dl4ia.config.settings import Settings
from dl4ia.config.variants import REPORT, OfTask, Variant

Value = bool | int | float | str
Point = Mapping[str, Value]  # a value for each dimension, by dotted key of the settings


def _number(value: object) -> float | None:
    """Return a number as one; a truth value is none, and of NumPy's types only numbers register as such."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


class Range(Strict):
    """All numbers from `low` to `high`, whole ones if both are.

    `log`: as dense between 1 and 10 as between 10 and 100.
    """

    kind: Literal["range"]
    low: int | float
    high: int | float
    log: bool

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range needs a low above 0, got {self.low}")
        return self

    @property
    def corners(self) -> tuple[Value, ...]:
        """The values that are checked when the file is read."""
        return (self.low, self.high)

    def value_of(self, cell: object) -> Value | None:
        """Return the number that a cell of a table stands for, whatever reading made of it; None if there is none."""
        number = _number(cell)
        slack = 1e-9 * (self.high - self.low)
        if number is None or not self.low - slack <= number <= self.high + slack:
            return None
        return int(number) if isinstance(self.low, int) and isinstance(self.high, int) else number

    @property
    def description(self) -> str:
        """The range in words."""
        return f"{self.low} to {self.high}{', log' if self.log else ''}"


class Choices(Strict):
    """One of some values."""

    kind: Literal["choices"]
    choices: Annotated[tuple[Value, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len(set(map(repr, self.choices))) < len(self.choices):
            raise ValueError(f"{list(self.choices)} names a choice twice")
        return self

    @property
    def corners(self) -> tuple[Value, ...]:
        """The values that are checked when the file is read."""
        return self.choices

    def value_of(self, cell: object) -> Value | None:
        """Return the choice that a cell of a table stands for, whatever reading made of it; None if there is none."""
        number = _number(cell)
        for choice in self.choices:
            meant = _number(choice)
            if choice == cell if meant is None or number is None else math.isclose(meant, number):
                return choice
        return None

    @property
    def description(self) -> str:
        """The choices in words."""
        return ", ".join(map(str, self.choices))


class Grid(Strict):
    """Every point of the space, once."""

    kind: Literal["grid"]


class Random(Strict):
    """Points drawn independently of each other."""

    kind: Literal["random"]


class Tpe(Strict):
    """Multivariate tree-structured Parzen estimator (Bergstra et al., 2011); the first `startup` points are random."""

    kind: Literal["tpe"]
    startup: Count


class BestOf(Strict):
    """The best points of another study with the same space, by their validation scores there."""

    kind: Literal["best-of"]
    study: Name


class NoPruner(Strict):
    """Every trial is trained to its end."""

    kind: Literal["none"]


class MedianPruner(Strict):
    """Stop a trial whose best value so far is below the median of those at the same step of the trials before it.

    That is done once `startup` trials have finished. With folds, steps are folds, and values are means over them.
    """

    kind: Literal["median"]
    startup: Count
    warmup: NonNegativeInt  # steps (iterations, or folds) before which none is stopped


class OnSplit(Strict):
    """The validation score on the images that the split stage held out."""

    kind: Literal["split"]
    strategy: Literal["random", "patient"]


class OnFolds(Strict):
    """The mean validation score over folds of the training partition, drawn at random or by patient."""

    kind: Literal["folds"]
    strategy: Literal["random", "patient"]
    folds: Annotated[int, Field(ge=2)]


class Study(OfTask):
    """A search: the trials are trained with `base` settings, overridden by a point of `space`."""

    group: Name = REPORT
    about: str
    space: Annotated[dict[str, Annotated[Range | Choices, Field(discriminator="kind")]], Field(min_length=1)]
    base: dict[str, JsonValue]
    sampler: Annotated[Grid | Random | Tpe | BestOf, Field(discriminator="kind")]
    pruner: Annotated[NoPruner | MedianPruner, Field(discriminator="kind")]
    objective: Annotated[OnSplit | OnFolds, Field(discriminator="kind")]
    trials: Size
    iterations: Count
    evaluate_every: Count
    seed: Annotated[int, Field(ge=0, lt=1 << 16)]  # above it, a trial's seed has its number
    hours: PositiveFloat

    @model_validator(mode="after")
    def _grid_is_finite(self) -> Self:
        if self.sampler.kind != "grid":
            return self
        if ranges := [key for key, dimension in self.space.items() if isinstance(dimension, Range)]:
            raise ValueError(f"a grid needs choices, and space.{ranges[0]} is a range")
        if self.trials != self.grid_size:
            raise ValueError(f"the grid has {self.grid_size} points, and trials is {self.trials}")
        return self

    def with_trials(self, trials: int) -> Self:
        """Return the same study with another number of trials; raises ConfigError if a grid has no more points."""
        if self.sampler.kind == "grid" and trials > self.grid_size:
            raise ConfigError(f"--trials: got {trials}, and the grid has {self.grid_size} points")
        return self.model_copy(update={"trials": trials})

    @property
    def grid_size(self) -> int:
        """The number of points of a grid."""
        return math.prod(len(dimension.corners) for dimension in self.space.values())

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of choices."""
        for values in product(*(dimension.corners for dimension in self.space.values())):
            yield dict(zip(self.space, values, strict=True))

    def corners(self) -> Iterator[dict[str, Value]]:
        """Yield points that between them have every choice, and both ends of every range."""
        first = {key: dimension.corners[0] for key, dimension in self.space.items()}
        for key, dimension in self.space.items():
            for value in dimension.corners:
                yield first | {key: value}

    def settings_at(self, point: Point) -> dict[str, Any]:
        """Return, nested as in params.yaml, the settings that `point` stands for."""
        return merged(self.base, nested(point))

    def variant(self, point: Point) -> Variant:
        """Return what a trial at `point` trains; raises ValidationError where there is no such network."""
        given = {"seeds": [self.seed], "iterations": self.iterations, "evaluate_every": self.evaluate_every}
        given |= {"split": {"strategy": self.objective.strategy}}
        settings = Settings.model_validate_json(json.dumps(self.settings_at(point) | given))
        return Variant(task=self.task, exercise="", about=self.about, reported={}, settings=settings)

    def command(self, name: str) -> str:
        """Return the command that runs this study, whose name is `name`."""
        final = isinstance(self.sampler, BestOf) and self.sampler.study != name
        return f"dvc repro search-finals@{name}" if final else f"dvc repro search@{name}"

    @property
    def fixed(self) -> dict[str, Any]:
        """The settings that are not searched, by dotted key, without those at their neutral default.

        Points that between them have every choice are looked at: which settings there are depends on the point.
        """
        fixed: dict[str, Any] = {}
        for point in self.corners():
            fixed |= flat(self.variant(point).settings.deciding)
        return {key: value for key, value in sorted(fixed.items()) if key not in self.space}
