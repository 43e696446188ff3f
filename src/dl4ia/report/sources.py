"""results/source.json: which data the results come from."""

from typing import Any

from dl4ia.base import atomic_files
from dl4ia.config import Params
from dl4ia.runs.layout import Layout
from dl4ia.runs.schemas import DataSource, Stored, read_json
from dl4ia.tasks.preparation import STAND_IN


class Sources(Stored):
    """The content of results/source.json, one key per task."""

    __pydantic_extra__: dict[str, DataSource]


def sources(params: Params, layout: Layout) -> dict[str, DataSource]:
    """Return the source of each task: as the download stage has left it, else as results/source.json has it."""
    kept, current = committed(layout), {}
    for task in dict.fromkeys(row.task for row in params.rows.values()):
        if layout.source(task).exists():
            current[task] = read_json(layout.source(task), DataSource, layout.source(task))
        elif task in kept:
            current[task] = kept[task]
    return current


def committed(layout: Layout) -> dict[str, DataSource]:
    """Return what results/source.json has; empty if there is none."""
    path = layout.results / "source.json"
    return read_json(path, Sources, path).__pydantic_extra__ if path.exists() else {}


def write_sources(current: dict[str, DataSource], layout: Layout) -> None:
    """Write results/source.json, where anything is known."""
    if current:
        content: dict[str, Any] = {task: source.model_dump(mode="json") for task, source in current.items()}
        atomic_files.write_json(layout.results / "source.json", content)


def stand_ins(current: dict[str, DataSource]) -> list[str]:
    """Return the names of the tasks whose results are those of the stand-in."""
    return [task for task, source in current.items() if source.source == STAND_IN]
