"""Checkpoints: where an interrupted training continues, to the bit.

A file is a SHA-256 digest followed by the state that it is the digest of, written atomically. The newest two are kept:
one that is truncated, or of another version, is reported, and the one before it is used.
"""

import copy
import io
import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from dl4ia.base import atomic_files
from dl4ia.base.errors import StoppedError
from dl4ia.training.callbacks import Callback
from dl4ia.training.loop import Training

_VERSION = f"2, PyTorch {torch.__version__.split('+')[0]}"  # of the state's layout
_DIGEST = sha256().digest_size
_KEPT = 2
_SECONDS = 2.0  # at least, between two checkpoints
_COST = 100  # times what the last one took, at least, between two: they cost no more than 1 %
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, pickle.UnpicklingError)


@dataclass
class Checkpointer(Callback):
    """Keeps the checkpoints of one training in a folder of its own; `stopping` says whether it is asked to stop.

    The last checkpoint of a finished training stays: whoever needs the same run again has it at once.
    """

    folder: Path
    stopping: Callable[[], bool]
    _next: float = field(default=0.0, init=False)  # time.perf_counter() of the next one

    def on_start(self, training: Training) -> None:
        """Restore the newest readable checkpoint, if there is one."""
        self._next = time.perf_counter() + _SECONDS
        fresh = copy.deepcopy(training.state_dict())
        paths = self._paths()
        for path in paths:
            try:
                training.load_state_dict(_read(path))
            except _UNREADABLE as error:
                reason = " ".join(str(error).split())[:200]
                instead = "the training starts anew" if path == paths[-1] else "the one before it is used"
                logging.getLogger(__name__).warning("%s cannot be used (%s): %s", path, reason, instead)
                training.load_state_dict(fresh)
            else:
                return

    def on_step(self, training: Training) -> None:
        """Save when it is time, at the end, and when asked to stop; raises StoppedError then."""
        stopping = self.stopping()
        if not (training.finished or stopping or time.perf_counter() >= self._next):
            return
        started = time.perf_counter()
        _write(self.folder / f"{training.step:09}.checkpoint", training.state_dict())
        for path in self._paths()[1 if training.finished else _KEPT :]:
            path.unlink(missing_ok=True)
        ended = time.perf_counter()
        self._next = ended + max(_SECONDS, _COST * (ended - started))
        if stopping and not training.finished:
            raise StoppedError(f"stopped after {training.step} iterations")

    def _paths(self) -> list[Path]:
        """Return the checkpoints there are, the newest first."""
        return sorted(self.folder.glob("*.checkpoint"), reverse=True)


def _write(path: Path, state: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save({"version": _VERSION, "state": state}, buffer)
    content = buffer.getvalue()
    atomic_files.write(path, sha256(content).digest() + content)


def _read(path: Path) -> dict[str, Any]:
    """Return the state in a file; raises ValueError if it is truncated or of another version."""
    stored = path.read_bytes()
    content = stored[_DIGEST:]
    if sha256(content).digest() != stored[:_DIGEST]:
        raise ValueError("it is truncated or corrupt")
    saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if saved["version"] != _VERSION:
        raise ValueError(f"it is of version {saved['version']}, expected {_VERSION}")
    return dict(saved["state"])
