"""Small JSON and CSV files, checked as they are read: they may come from somebody else, or have been edited."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from dl4ia.errors import RunError

_OPEN = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
_POINT = ("step", "epoch", "seconds")  # the columns of every history


class Normalized(TypedDict):
    """Of each channel, over the images trained on."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]  # pydantic's way to configure a TypedDict
    mean: Annotated[list[float], Field(min_length=1)]
    std: Annotated[list[PositiveFloat], Field(min_length=1)]


class Config(TypedDict):
    """What is read of a run's config.json."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    variant: str
    seed: Annotated[int, Field(ge=0)]
    settings: dict[str, Any]
    normalization: Normalized
    data: str
    split: str


class Digests(TypedDict):
    """Of a dataset's partitions."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    train: str
    test: str


class Origin(TypedDict):
    """Where a dataset came from, and the digest of each partition."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    source: Literal["published", "stand-in"]
    sha256: Digests


class _Provenance(TypedDict):
    __pydantic_config__ = _OPEN  # type: ignore[misc]
    started: NonNegativeFloat
    threads: PositiveInt
    device: str
    git_commit: str
    process: NotRequired[str]


class RunStatus(_Provenance):
    """What is read of a run's status.json."""

    state: Literal["running", "stopped", "finished", "failed"]
    seconds: NonNegativeFloat
    error: NotRequired[str]


class StudyStatus(_Provenance):
    """What is read of a study's status.json."""

    state: Literal["running", "stopped", "finished"]
    key: str


Figures = dict[str, Annotated[float, Field(strict=True)]]  # by name; NaN is one that cannot be had


def read_json(path: Path, kind: Any, output: Path) -> Any:  # noqa: ANN401 (an instance of `kind`)
    """Return what a file of a stage's `output` holds; raises RunError if it is missing or is no `kind`."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise missing(path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise damaged(path, f"{key}{': ' if key else ''}{first['msg']}", output) from error


def read_table(path: Path, columns: Collection[str], output: Path) -> pd.DataFrame:
    """Return a table that has at least `columns`; raises RunError if it is missing or is none."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except (ValueError, OverflowError) as error:  # pandas' errors are ValueErrors
        raise damaged(path, f"not a readable table: {error}", output) from error
    for column in columns:
        if column not in table:
            raise damaged(path, f"column {column!r} is missing", output)
    return table


def read_history(path: Path, output: Path) -> pd.DataFrame:
    """Return the points of a run's curves, in order; raises RunError if they are none."""
    table = read_table(path, _POINT, output)
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column]) or not np.isfinite(table[column]).all():
            raise damaged(path, f"column {column!r}: expected a number in each row", output)
    if not (table["step"] % 1 == 0).all() or not (table["step"].diff().fillna(1) > 0).all():
        raise damaged(path, "column 'step': expected whole numbers, each above the last", output)
    return table


def missing(path: Path) -> RunError:
    """Return the error of a file that a stage has not left yet."""
    return RunError(f"{path} is missing: run `dvc repro`")


def damaged(path: Path, what: str, output: Path) -> RunError:
    """Return the error of a file that is not as a stage leaves it: DVC brings its output back."""
    return RunError(f"{path}: {' '.join(what.split())[:300]}; delete {output} and run `dvc repro`")
