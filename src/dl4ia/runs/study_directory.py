"""A study on disk: its state in `out/`, and in `results/` the tables that git keeps."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dl4ia.base import atomic_files
from dl4ia.runs.schemas import Column, StudyStatus, read_json, read_table

_COLUMNS = {
    "trials": {
        "trial": Column.WHOLE,
        "state": Column.TEXT,
        "value": Column.OPTIONAL,
        "started": Column.OPTIONAL,
        "seconds": Column.OPTIONAL,
        "error": Column.TEXT,
    },
    "curves": {"trial": Column.WHOLE, "fold": Column.WHOLE, "step": Column.WHOLE},
    "importances": {"parameter": Column.TEXT, "importance": Column.NUMBER},
}  # that each table has, at least


@dataclass(frozen=True)
class StudyDirectory:
    """What a search has produced so far: `status.json` in `path`; tables and `best.yaml` in `results`."""

    path: Path
    results: Path

    def write_status(self, status: StudyStatus) -> None:
        """Write the state and the provenance."""
        atomic_files.write_json(self.path / "status.json", status.model_dump(mode="json", exclude_none=True))

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write `trials` (one row per trial), `curves` (one row per point) or `importances` (one row per parameter)."""
        atomic_files.write_csv(self.results / f"{name}.csv", table)

    def status(self) -> StudyStatus:
        """Read state and provenance; raises RunError."""
        return read_json(self.path / "status.json", StudyStatus, self.path)

    def table(self, name: str) -> pd.DataFrame:
        """Read what `write_table` wrote; raises RunError."""
        return read_table(self.results / f"{name}.csv", _COLUMNS[name], self.results)

    @property
    def best(self) -> Path:
        """The settings of the best trial."""
        return self.results / "best.yaml"
