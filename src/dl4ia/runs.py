"""Where things lie: the layout of a working copy, the run directory, and the study directory.

A run directory holds `config.json` (all that decides the run), `history.csv` (one row a point of the curves),
`model.safetensors` and `status.json`. A study directory holds `trials.csv` and `curves.csv` of all trials, `best.yaml`,
`status.json` and pictures. Every file is written aside and renamed, so none is ever torn.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from dl4ia import files
from dl4ia.errors import RunError


@dataclass(frozen=True)
class Layout:
    """The folders that the stages read and write, below `root`."""

    root: Path = Path()

    @property
    def source(self) -> Path:
        """Which source each dataset came from."""
        return self.root / "out" / "dataset" / "source.json"

    def dataset(self, task: str, partition: str) -> Path:
        """Return the file of a task's `train` or `test` images."""
        return self.root / "out" / "dataset" / f"{task}-{partition}.npz"

    @property
    def splits(self) -> Path:
        """The index lists."""
        return self.root / "out" / "split"

    def split(self, task: str, strategy: str) -> Path:
        """Return the file that says which training images validate."""
        return self.splits / f"{task}-{strategy}.json"

    def run(self, variant: str, seed: int) -> "RunDirectory":
        """Return the directory of one training."""
        return RunDirectory(self.root / "out" / "runs" / variant / f"seed-{seed}")

    def study(self, name: str) -> "StudyDirectory":
        """Return the directory of what a study found."""
        return StudyDirectory(self.root / "out" / "search" / name)

    def evaluation(self, variant: str) -> Path:
        """Return the folder of what was found out about a variant."""
        return self.root / "out" / "evaluation" / variant

    @property
    def results(self) -> Path:
        """The small tables that git keeps."""
        return self.root / "results"

    @property
    def report(self) -> Path:
        """The page and its pictures."""
        return self.root / "report"


@dataclass(frozen=True)
class RunDirectory:
    """One variant trained with one seed."""

    path: Path

    def write_config(self, config: dict[str, Any]) -> None:
        """Write all that decides the run."""
        self._write_json("config.json", config)

    def write_status(self, status: dict[str, Any]) -> None:
        """Write the state (`running`, `finished`, `failed`) and how it came about."""
        self._write_json("status.json", status)

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Write the curves so far: step, epoch, seconds and one column a metric."""
        files.write(self.path / "history.csv", pd.DataFrame(rows).to_csv(index=False).encode())

    def write_weights(self, weights: dict[str, Tensor]) -> None:
        """Write a network's state."""
        contiguous = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        files.write(self.path / "model.safetensors", safetensors.torch.save(contiguous))

    @property
    def config(self) -> dict[str, Any]:
        """All that decides the run."""
        return self._read_json("config.json")

    @property
    def status(self) -> dict[str, Any]:
        """State, seconds, versions, device, commit."""
        return self._read_json("status.json")

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return bool(self.status["state"] == "finished")

    @property
    def history(self) -> pd.DataFrame:
        """The curves so far; empty before the first point."""
        path = self.path / "history.csv"
        try:
            return pd.read_csv(path) if path.exists() else pd.DataFrame({"step": []})
        except ValueError as error:
            raise RunError(f"{path} is not a readable history: {error}") from error

    @property
    def weights(self) -> dict[str, Tensor]:
        """The trained network's state."""
        path = self.path / "model.safetensors"
        try:
            return safetensors.torch.load(path.read_bytes())
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing: the run has not finished") from error
        except SafetensorError as error:
            raise RunError(f"{path} is not a readable safetensors file: {error}") from error

    @property
    def key(self) -> str:
        """The content hash of the configuration: the same for the same run wherever it is done."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()[:32]

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        _write_json(self.path / name, content)

    def _read_json(self, name: str) -> dict[str, Any]:
        return _read_json(self.path / name, "")


@dataclass(frozen=True)
class StudyDirectory:
    """What a search has found so far."""

    path: Path

    def write_status(self, status: dict[str, Any]) -> None:
        """Write the state (`running`, `stopped` before its end, `finished`) and how it came about."""
        _write_json(self.path / "status.json", status)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write `trials` (a row a trial), `curves` (a row a point) or `importances` (a row a parameter)."""
        files.write(self.path / f"{name}.csv", table.to_csv(index=False).encode())

    @property
    def status(self) -> dict[str, Any]:
        """State, seconds, versions, device, commit."""
        return _read_json(self.path / "status.json", f" search@{self.path.name}")

    def table(self, name: str) -> pd.DataFrame:
        """Read what `write_table` wrote."""
        path = self.path / f"{name}.csv"
        try:
            return pd.read_csv(path)
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing: run `dvc repro search@{self.path.name}`") from error
        except ValueError as error:
            raise RunError(f"{path} is not a readable table: {error}") from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    files.write(path, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")


def _read_json(path: Path, stage: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: run `dvc repro{stage}`") from error
    except ValueError as error:
        raise RunError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: expected an object, got {type(content).__name__}")
    return content
