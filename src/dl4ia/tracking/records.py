"""What a tracker shows of a run, as values that no tracker's library is needed for."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    from dl4ia.tasks import Task

State = Literal["running", "stopped", "finished", "diverged", "failed", "pruned"]

PLUMBING = "dl4ia."  # prefix of tags that nobody compares: hashes, and what trackers note for themselves


@dataclass(frozen=True)
class Group:
    """Runs that are compared with each other.

    `headline` names the metrics to compare them by, the most important first, and `by` the parameter whose values have
    several runs each.
    """

    name: str
    about: str
    headline: tuple[str, ...]
    by: str | None = None


@dataclass(frozen=True)
class Dataset:
    """What was trained on; `source` is `published`, `stand-in` or `unknown`."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True)
class Model:
    """A trained network that takes image files; `save` writes all that is needed to apply it to a folder."""

    name: str
    about: str
    task: str
    save: "Callable[[Path], None]"


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of a training, an ensemble, a study or a trial.

    `key` is the same for the same run wherever it is done, `content` is a digest of what it resulted in, once it has
    ended. `points` has one row per point: step, time and one column per curve; `metrics` are final. `parent` is the key
    of the study that a trial belongs to. Times are in seconds since the epoch.
    """

    key: str
    group: Group
    name: str
    about: str
    state: State
    started: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    parent: str | None = None
    ended: float | None = None
    error: str | None = None
    command: str = ""
    git_commit: str = ""
    process: str = ""
    dataset: Dataset | None = None
    points: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"step": [], "time": []}))
    content: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    model: Model | None = None

    @property
    def digest(self) -> str:
        """A digest of all of it: a tracker that has noted it has nothing to do."""
        words = self.name, self.about, self.state, self.error, self.ended, self.content, self.model is not None
        values = [sorted(mapping.items()) for mapping in (self.tags, self.params, self.metrics)]
        files = [(path, hashlib.sha256(content).hexdigest()) for path, content in sorted(self.files.items())]
        return hashlib.sha256(f"{words}{values}{files}{self.points.to_csv()}".encode()).hexdigest()[:32]


def curves(history: pd.DataFrame, started: float) -> pd.DataFrame:
    """Return the points of a history; curves are named so that they sort before all else, metrics before the rate."""
    names = {name: f"curve/{name.replace('/', '_')}" for name in history if "/" in str(name)}
    names["learning_rate"] = "schedule/learning_rate"
    columns = {name: column.to_numpy() for name, column in history.items()}
    measured = "seconds" in columns
    left_out = {"seconds", "epoch"} if measured else set()
    points = {names.get(name, name): values for name, values in columns.items() if name not in left_out}
    return pd.DataFrame({**points, "time": started + columns["seconds"] if measured else started})


def final_metrics(table: pd.DataFrame, task: "Task") -> dict[str, float]:
    """Return the finite metrics of an evaluation (part, metric, value): headline metrics apart from the others."""
    sections = {metric: "final" if metric in task.headline else "measured" for metric in table["metric"]}
    return {
        f"{sections[metric]}/{part}_{metric}": float(value)
        for part, metric, value in zip(table["part"], table["metric"], table["value"], strict=True)
        if math.isfinite(value)
    }
