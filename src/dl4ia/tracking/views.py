"""What views of files have in common."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ruamel.yaml import YAML

from dl4ia.base import atomic_files
from dl4ia.execution.processes import is_gone
from dl4ia.runs.layout import Layout
from dl4ia.runs.schemas import DataSource, read_json
from dl4ia.tasks import Task
from dl4ia.tracking.records import PLUMBING, Dataset, Group, Record, State

_UNKNOWN = "unknown"
_DIGITS = 12  # of the hash of a dataset, enough to distinguish them


class View(Protocol):
    """Something on disk that a tracker shows."""

    @property
    def name(self) -> str:
        """A name that no other view has."""

    @property
    def exists(self) -> bool:
        """Whether its files exist."""

    def records(self, *, final: bool) -> list[Record]:
        """Read the records, parents first; raises UserError for damaged files.

        Without `final`, leave out what is known at the end only: final metrics, files and models.
        """


def group_of(task: Task) -> Group:
    """Return the group of a task's variants and ensembles."""
    about = (
        f"{task.title}: a run for each variant and seed, and one for each ensemble. `curve/` has the metrics of the "
        f"training (of the training part: means over batches), `final/` and `measured/` those of the result on "
        f"whole parts. `trained` is 1 if the network left chance level: its mean over seeds is the success rate."
    )
    headline = (task.test_sets[0], "validation", *task.test_sets[1:], "train")
    return Group(task.experiment, about, tuple(f"final/{part}_{task.metric}" for part in headline), "variant")


def dataset_of(task: Task, digest: str, layout: Layout) -> Dataset:
    """Return the dataset whose training partition has that digest; raises RunError for a damaged source file."""
    path, source = layout.source(task.name), _UNKNOWN
    if path.exists():
        origin = read_json(path, DataSource, layout.datasets)
        source = origin.source if origin.sha256.get("train") == digest else _UNKNOWN
    return Dataset(task.title, digest[:_DIGITS], source)


def data_tags(task: Task, dataset: Dataset, layout: Layout) -> dict[str, str]:
    """Return tags with the source of the data, and the hash under which DVC pins the published files."""
    pin = layout.root / "data.dvc"
    tags = {"data_source": dataset.source}
    if dataset.source != "published" or not pin.exists():
        return tags
    hashes = _hashes(pin.read_text(encoding="utf-8"))
    path = f"data/{task.name}"
    return tags | ({f"{PLUMBING}dvc_data": hashes[path]} if path in hashes else {})


@lru_cache(1)
def _hashes(pin: str) -> dict[str, str]:
    """Return the hash of each path that a file of DVC pins; parsing takes longer than all else for a run."""
    return {out["path"]: str(out["md5"]) for out in YAML(typ="safe", pure=True).load(pin)["outs"]}


def state_of(state: State, process: str) -> State:
    """Return a state as it is: a process that was killed has not noted that its work has stopped."""
    return "stopped" if state == "running" and is_gone(process) else state


def content_digest(*paths: Path) -> str:
    """Return a digest of files, in order; of those that exist."""
    digests = [atomic_files.digest(path) for path in paths if path.exists()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:32]
