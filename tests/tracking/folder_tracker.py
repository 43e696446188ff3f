"""A second tracker: a JSON file for each run, as whoever does not want a server might keep it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dl4ia.base import atomic_files
from dl4ia.execution.processes import is_gone
from dl4ia.tracking.records import Record


class FolderTracker:
    """Keeps each run in a file of its own; see `Tracker`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._groups: set[str] = set()

    def update(self, record: Record) -> None:
        """Merge a record into the file of its key."""
        self._groups.add(record.group.name)
        path = self.folder / f"{hashlib.sha256(record.key.encode()).hexdigest()}.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        now = _values(record)
        if before and _contradicts(before, now):
            before = {}
        merged = {name: {**before.get(name, {}), **now[name]} for name in ("params", "metrics", "files")}
        earlier = before.get("points", {})
        merged["points"] = {name: {**earlier.get(name, {}), **values} for name, values in now["points"].items()}
        atomic_files.write_json(path, now | merged | {"model": now["model"] or before.get("model")})

    def register(self, name: str, about: str, key: str) -> None:
        """Note the champion in a file."""
        run = json.loads((self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json").read_text())
        if run["model"]:
            champion = {"about": about, "run": run["name"], "content": run["content"]}
            atomic_files.write_json(self.folder / "champions" / f"{name}.json", champion)

    def end_abandoned(self) -> None:
        """Mark runs as stopped whose process has ended."""
        for path in self.folder.glob("*.json"):
            run = json.loads(path.read_text())
            if run["state"] == "running" and is_gone(run["process"]):
                atomic_files.write_json(path, run | {"state": "stopped", "tags": run["tags"] | {"state": "stopped"}})

    @property
    def pages(self) -> dict[str, str]:
        """The folder, which has all groups."""
        return dict.fromkeys(self._groups, self.folder.as_uri())


def _values(record: Record) -> dict[str, Any]:
    names = record.points.columns.drop(["step", "time"])
    tables = {name: record.points.dropna(subset=[name]) for name in names}
    return {
        "key": record.key,
        "name": record.name,
        "parent": record.parent,
        "state": record.state,
        "process": record.process,
        "content": record.content,
        "tags": {**record.tags, "state": record.state, **({"error": record.error} if record.error else {})},
        "params": dict(record.params),
        "points": {
            name: {str(int(step)): float(value) for step, value in zip(table["step"], table[name], strict=True)}
            for name, table in tables.items()
        },
        "metrics": dict(record.metrics),
        "files": {path: content.hex() for path, content in record.files.items()},
        "model": record.model and record.model.name,
    }


def _contradicts(before: dict[str, Any], now: dict[str, Any]) -> bool:
    if now["content"] and before["content"] not in (None, now["content"]):
        return True
    if any(
        before[kind].get(name, value) != value for kind in ("params", "metrics") for name, value in now[kind].items()
    ):
        return True
    return any(
        now["points"].get(name, {}).get(step) != value
        for name, points in before["points"].items()
        for step, value in points.items()
        if now["state"] != "running" or int(step) <= max(map(int, now["points"].get(name, {})), default=0)
    )
