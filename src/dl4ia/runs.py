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
import torch
from safetensors import SafetensorError
from torch import Tensor

from dl4ia import files
from dl4ia.records import Config, RunStatus, StudyStatus, damaged, missing, read_history, read_json, read_table

_COLUMNS = {
    "trials": ("trial", "state", "value", "started", "seconds"),
    "curves": ("trial", "fold", "step"),
    "importances": ("parameter", "importance"),
}  # that each table of a study has, at least


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

    def checkpoints(self, key: str) -> Path:
        """Return the folder of the checkpoints of what has that content hash: no output of a stage, DVC leaves it."""
        return self.root / "out" / "checkpoints" / key

    def lock(self, name: str) -> Path:
        """Return the file that a process locks while it trains a variant."""
        return self.root / "out" / "checkpoints" / f"{name}.lock"

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
        """Write the state (`running`, `stopped`, `finished`, `failed`) and how it came about."""
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
        config: dict[str, Any] = read_json(self.path / "config.json", Config, self._output)
        return config

    @property
    def status(self) -> dict[str, Any]:
        """State, seconds, versions, device, commit."""
        status: dict[str, Any] = read_json(self.path / "status.json", RunStatus, self._output)
        return status

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return bool(self.status["state"] == "finished")

    @property
    def history(self) -> pd.DataFrame:
        """The curves so far; empty before the first point."""
        path = self.path / "history.csv"
        return read_history(path, self._output) if path.exists() else pd.DataFrame({"step": []})

    @property
    def weights(self) -> dict[str, Tensor]:
        """The trained network's state; raises RunError if it is missing, torn or no finite numbers."""
        path = self.path / "model.safetensors"
        try:
            weights = safetensors.torch.load(path.read_bytes())
        except FileNotFoundError as error:
            raise missing(path) from error
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise damaged(path, f"not a readable safetensors file: {error}", self._output) from error
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise damaged(path, f"{name} has values that are no finite numbers", self._output)
        return weights

    @property
    def key(self) -> str:
        """The content hash of the configuration: the same for the same run wherever it is done."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()[:32]

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        _write_json(self.path / name, content)

    @property
    def _output(self) -> Path:
        return self.path.parent


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
        status: dict[str, Any] = read_json(self.path / "status.json", StudyStatus, self.path)
        return status

    def table(self, name: str) -> pd.DataFrame:
        """Read what `write_table` wrote."""
        return read_table(self.path / f"{name}.csv", _COLUMNS[name], self.path)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    files.write(path, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")
