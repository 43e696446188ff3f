"""Datasets of one's own: rows of params.yaml, each of which makes a task known."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, ValidationError

from dl4ia.base.errors import ConfigError
from dl4ia.base.schema import Name, Strict
from dl4ia.config.messages import first_error
from dl4ia.tasks import TASKS, register
from dl4ia.tasks.folders.dataset import DATASETS, FolderDataset
from dl4ia.tasks.folders.task import FolderTask

Datasets = dict[Name, SerializeAsAny[Annotated[FolderDataset, DATASETS.validator]]]


class _Section(Strict):
    datasets: Datasets = Field(default_factory=dict)


def with_datasets(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """Register the tasks of the datasets in the content of a file; return that with their splits among the others.

    Raises ConfigError that names the key in `path`.
    """
    given = raw.get("datasets") or {}
    content = {"datasets": given}
    try:
        datasets = _Section.model_validate_json(json.dumps(content, default=str)).datasets
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_error(error, content)}") from error
    split = raw.get("split") or {}
    for name, dataset in datasets.items():
        if not isinstance(TASKS.get(name), FolderTask | None):
            raise ConfigError(f"{path}: datasets.{name}: there is a built-in task of that name: choose another")
        if name in split:
            raise ConfigError(f"{path}: split.{name}: a dataset of one's own has its split in datasets.{name}.split")
        register(dataset.task(name))
    own = {name: dataset.split.model_dump(mode="json") for name, dataset in datasets.items()}
    return raw | {"datasets": given} | ({"split": {**split, **own}} if own else {})
