"""The results of a variant or ensemble: small text files in `results/<name>/`, which git keeps.

`metrics.json` has the means of the headline metrics, `runs.json` a record of each run, `metrics.csv` every metric
(seed, part, metric, value), `curves.csv` all histories, `images.csv` what the task keeps of single images,
`confusion.csv` the counts of actual and predicted classes (seed, part, actual, predicted, count), and `calibration.csv`
predictions in bins by their confidence (seed, part, count, confidence, accuracy).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field, NonNegativeFloat, PositiveInt

from dl4ia.base import atomic_files
from dl4ia.runs.schemas import POINT, Column, RunStatus, Stored, read_json, read_table
from dl4ia.tasks import Task, task_of

_TEXT, _WHOLE, _OPTIONAL = Column.TEXT, Column.WHOLE, Column.OPTIONAL
_COLUMNS = {
    "metrics": {"seed": _WHOLE, "part": _TEXT, "metric": _TEXT, "value": _OPTIONAL},
    "curves": {"seed": _WHOLE, **POINT, "train/loss": _OPTIONAL},
    "images": {"seed": _WHOLE, "part": _TEXT, "name": _TEXT},
    "confusion": {"seed": _WHOLE, "part": _TEXT, "actual": _TEXT, "predicted": _TEXT, "count": _WHOLE},
    "calibration": {"seed": _WHOLE, "part": _TEXT, "count": _WHOLE, "confidence": _OPTIONAL, "accuracy": _OPTIONAL},
}  # of each table; the first ones of `curves` and `images`, all of the others
CHANCE = 0.99  # of the loss of equal probabilities, ln(classes): a network below it has left chance level


class RunRecord(Stored):
    """How one run ended. `trained` says whether the network left chance level; an ensemble names its `members`."""

    seed: Annotated[int, Field(ge=0)]
    state: str
    trained: bool
    error: str | None = None
    seconds: NonNegativeFloat
    device: str
    machine: str
    threads: PositiveInt
    versions: dict[str, str]
    git_commit: str
    key: str
    members: tuple[str, ...] = ()

    @classmethod
    def of(cls, seed: int, key: str, status: RunStatus, *, trained: bool) -> "RunRecord":
        """Return the record of a run that has ended."""
        fields = cls.model_fields.keys() & RunStatus.model_fields.keys()
        return cls(seed=seed, key=key, trained=trained, **status.model_dump(include=fields))


class VariantRecord(Stored):
    """The content of `runs.json`: what was trained, in words and numbers, and how each run ended."""

    name: str
    task: str
    layers: str
    optimizer: str
    weights: PositiveInt
    parameters: PositiveInt
    runs: list[RunRecord]


Metrics = dict[tuple[str, str], float]  # of one run, by part and name


def left_chance_level(metrics: Metrics, task: Task) -> bool:
    """Return whether a network distinguishes its training images at all, or, without these, the first test set's.

    A network whose ReLUs died predicts the same everywhere: its loss stays at that of equal probabilities.
    """
    part = "train" if ("train", "loss") in metrics else task.test_sets[0]
    return metrics[part, "loss"] < CHANCE * math.log(len(task.classes)) and metrics[part, task.metric] > 0


@dataclass(frozen=True)
class ResultDirectory:
    """`results/<name>/`, written by evaluation and read by the report and by trackers; reading raises RunError."""

    path: Path

    def write(
        self, record: VariantRecord, metrics: Mapping[int, Metrics], tables: Mapping[str, Sequence[pd.DataFrame]]
    ) -> None:
        """Write all files: `metrics` by seed of the runs that finished, and the parts of `tables` by name.

        `runs.json` is removed first and written last: where it is, the other files are of the same evaluation.
        """
        long = [
            {"seed": seed, "part": part, "metric": metric, "value": value}
            for seed, each in metrics.items()
            for (part, metric), value in each.items()
        ]
        table = pd.DataFrame(long, columns=list(_COLUMNS["metrics"]))
        (self.path / "runs.json").unlink(missing_ok=True)
        atomic_files.write_json(self.path / "metrics.json", _means(record, table))
        atomic_files.write_csv(self.path / "metrics.csv", table)
        for name, parts in tables.items():
            empty = pd.DataFrame(columns=list(_COLUMNS[name]))
            atomic_files.write_csv(self.path / f"{name}.csv", pd.concat(parts, ignore_index=True) if parts else empty)
        atomic_files.write_json(self.path / "runs.json", record.model_dump(mode="json", exclude_none=True))

    def record(self) -> VariantRecord:
        """Read `runs.json`."""
        return read_json(self.path / "runs.json", VariantRecord, self.path)

    def table(self, name: str) -> pd.DataFrame:
        """Read `metrics`, `curves`, `images`, `confusion` or `calibration`."""
        return read_table(self.path / f"{name}.csv", _COLUMNS[name], self.path, others=Column.UNIFORM)


def _means(record: VariantRecord, table: pd.DataFrame) -> dict[str, float]:
    """Return how many runs there are and trained successfully, and their mean headline metrics."""
    trained = [run.seed for run in record.runs if run.trained]
    counts = {"runs": len(record.runs), "trained": len(trained)}
    headline = table[table["metric"].isin(task_of(record.task).headline) & table["seed"].isin(trained)]
    means = headline.groupby(["part", "metric"], sort=False)["value"].mean()
    return counts | {f"{part}_{metric}": float(value) for (part, metric), value in means.items()}
