"""What small JSON and CSV files hold, checked as they are read: others may have written or edited them."""

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from dl4ia.base.errors import RunError


class Column(Enum):
    """What a column of a table holds; numbers are finite."""

    TEXT = "text"
    WHOLE = "a whole number in each row"
    NUMBER = "a number in each row"
    OPTIONAL = "a number or nothing in each row"
    UNIFORM = "numbers alone, or text alone"


POINT = {
    "step": Column.WHOLE,
    "epoch": Column.NUMBER,
    "seconds": Column.NUMBER,
    "learning_rate": Column.NUMBER,
}  # the columns of every history, beside those of other metrics


class Stored(BaseModel):
    """The base of file schemas: frozen; unknown keys are kept, for files may be newer than the code."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Stored)


class DataSource(Stored):
    """Where the data of a task came from, and the SHA-256 of each partition: the content of `<task>-source.json`.

    `source` is "published", "stand-in", or a folder of one's own in words.
    """

    source: str
    sha256: dict[Literal["train", "test"], Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]]


class Standardization(Stored):
    """Mean and standard deviation of each channel over the images trained on."""

    mean: Annotated[list[float], Field(min_length=1)]
    std: Annotated[list[PositiveFloat], Field(min_length=1)]


class RunConfig(Stored):
    """All that decides a run, the content of `config.json`; `settings` without those at their neutral default.

    `standardization` is None where each image is standardised by itself. `data` and `split` are SHA-256 digests, `code`
    is the version of the code that decides the result.
    """

    variant: str
    task: str
    seed: Annotated[int, Field(ge=0)]
    settings: dict[str, Any]
    standardization: Standardization | None
    data: str
    split: str
    code: str

    @property
    def key(self) -> str:
        """The content hash: the same for the same run wherever it is done."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]

    @property
    def checkpoints_key(self) -> str:
        """The same whatever the variant is called: one that was tried, or has another name now, is not repeated."""
        return hashlib.sha256(self.model_dump_json(exclude={"variant"}).encode()).hexdigest()[:32]


class Provenance(Stored):
    """What a result was computed with, on and by; `process` names it as `execution.processes` does."""

    started: NonNegativeFloat
    versions: dict[str, str]
    device: str
    machine: str
    threads: PositiveInt
    git_commit: str
    process: str


class RunStatus(Provenance):
    """The content of a run's `status.json`.

    `diverged` is a result: the loss was no longer finite. `failed` is a fault, such as running out of memory.
    """

    state: Literal["running", "stopped", "finished", "diverged", "failed"]
    seconds: NonNegativeFloat
    error: str | None = None
    resumed_at: int | None = None

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state in {"finished", "diverged"}


class StudyStatus(Provenance):
    """The content of a study's `status.json`."""

    state: Literal["running", "stopped", "finished"]
    key: str
    workers: PositiveInt


def read_json(path: Path, model: type[Model], output: Path) -> Model:
    """Return what a file of a stage's `output` holds; raises RunError if it is missing or not such a file."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise missing(path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise damaged(path, f"{key}{': ' if key else ''}{first['msg']}", output) from error


def read_table(
    path: Path, columns: Mapping[str, Column], output: Path, *, others: Column = Column.TEXT
) -> pd.DataFrame:
    """Return a table that has at least `columns`; raises RunError if it is missing, or holds something else.

    Further columns hold `others`; those of metrics, such as `validation/loss`, numbers, or nothing where there is none.
    """
    return _read_table(path, columns, output, lambda name: Column.OPTIONAL if "/" in name else others)


def _read_table(
    path: Path, columns: Mapping[str, Column], output: Path, other: Callable[[str], Column]
) -> pd.DataFrame:
    texts = {name: str for name, kind in columns.items() if kind is Column.TEXT}  # 1.1 and 1.10 are two images, NA one
    try:
        table = pd.read_csv(
            path,
            dtype=texts,
            float_precision="round_trip",  # the default of some versions changes the last digit
            keep_default_na=False,
            na_values=[""],
        )
    except FileNotFoundError as error:
        raise missing(path) from error
    except (ValueError, OverflowError) as error:  # pandas' errors are ValueErrors
        raise damaged(path, f"not a readable table: {error}", output) from error
    for name in columns:
        if name not in table:
            raise damaged(path, f"column {name!r} is missing", output)
    for name, column in table.items():
        kind = columns[name] if name in columns else other(str(name))
        if not _holds(column, kind):
            raise damaged(path, f"column {name!r}: expected {kind.value}", output)
    return table


def _holds(column: pd.Series, kind: Column) -> bool:
    if kind is Column.TEXT or column.empty:
        return True
    if not pd.api.types.is_numeric_dtype(column):
        return kind is Column.UNIFORM and not pd.to_numeric(column, errors="coerce").notna().any()
    values = column.to_numpy()  # pandas takes several times as long for each of these
    if np.isinf(values).any():
        return False
    if kind in (Column.OPTIONAL, Column.UNIFORM):
        return True
    return not np.isnan(values).any() and (kind is Column.NUMBER or bool((values % 1 == 0).all()))


def read_history(path: Path, output: Path) -> pd.DataFrame:
    """Return the points of a run's curves, in order; raises RunError if they are not in order, or not numbers."""
    table = _read_table(path, POINT, output, lambda _: Column.NUMBER)
    if not (np.diff(table["step"].to_numpy()) > 0).all():
        raise damaged(path, "column 'step': expected whole numbers, each above the last", output)
    return table


def missing(path: Path) -> RunError:
    """Return the error of a file that a stage has not written yet."""
    return RunError(f"{path} is missing: run `dvc repro`")


def damaged(path: Path, what: str, output: Path) -> RunError:
    """Return the error of a file that is not as its stage writes it: DVC restores its output."""
    return RunError(f"{path}: {' '.join(what.split())[:300]}; delete {output} and run `dvc repro`")
