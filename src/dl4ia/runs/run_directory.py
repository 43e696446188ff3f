"""A run directory, the truth about one training.

It holds `config.json` (all that decides the run), `history.csv` (one row a point of the curves), `model.safetensors`
and `status.json`. Every file is replaced atomically, so none is ever truncated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dl4ia.base import atomic_files
from dl4ia.runs.schemas import POINT, RunConfig, RunStatus, damaged, missing, read_history, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class RunDirectory:
    """One variant trained with one seed."""

    path: Path

    def write_config(self, config: RunConfig) -> None:
        """Write all that decides the run."""
        atomic_files.write_json(self.path / "config.json", config.model_dump(mode="json"))

    def write_status(self, status: RunStatus) -> None:
        """Write the state and the provenance."""
        atomic_files.write_json(self.path / "status.json", status.model_dump(mode="json", exclude_none=True))

    def write_history(self, rows: Sequence[dict[str, float]]) -> None:
        """Write the curves so far: step, epoch, seconds, learning rate and one column a metric."""
        atomic_files.write_csv(self.path / "history.csv", pd.DataFrame(rows))

    def write_weights(self, weights: "Mapping[str, Tensor]") -> None:
        """Write a network's state."""
        import safetensors.torch  # noqa: PLC0415 (only who has weights needs PyTorch)

        contiguous = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        atomic_files.write(self.path / "model.safetensors", safetensors.torch.save(contiguous))

    def config(self) -> RunConfig:
        """Read all that decides the run; raises RunError."""
        return read_json(self.path / "config.json", RunConfig, self._output)

    def status(self) -> RunStatus:
        """Read state and provenance; raises RunError."""
        return read_json(self.path / "status.json", RunStatus, self._output)

    def history(self) -> pd.DataFrame:
        """Read the curves so far, empty before the first point; raises RunError."""
        path = self.path / "history.csv"
        return read_history(path, self._output) if path.exists() else pd.DataFrame(columns=list(POINT), dtype=float)

    def weights(self) -> "dict[str, Tensor]":
        """Read the trained network's state; raises RunError if it is missing, corrupt or not finite."""
        import safetensors.torch  # noqa: PLC0415
        import torch  # noqa: PLC0415
        from safetensors import SafetensorError  # noqa: PLC0415

        path = self.path / "model.safetensors"
        try:
            weights = safetensors.torch.load(path.read_bytes())
        except FileNotFoundError as error:
            raise missing(path) from error
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise damaged(path, f"not a readable safetensors file: {error}", self._output) from error
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise damaged(path, f"{name} has values that are not finite", self._output)
        return weights

    @property
    def _output(self) -> Path:
        return self.path.parent
