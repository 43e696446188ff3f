"""What a result was computed with, on and by."""

import os
import platform
import shutil
import subprocess
import time
from typing import Any

import numpy as np
import torch

from dl4ia.execution.processes import this_process

_WRITTEN = ("README.md", "dvc.lock", "report", "results")


def provenance(device: torch.device) -> dict[str, Any]:
    """Return the fields of `schemas.Provenance` for work that starts now in this process."""
    return {
        "started": time.time(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "git_commit": git_commit(),
        "process": this_process(),
    }


def git_commit() -> str:
    """Return the commit of the working copy, with `-dirty` if what was run differs from it; empty without git.

    What the stages write themselves (`_WRITTEN`) is committed, too, but decides nothing: it does not count.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    excluded = (f":(top,exclude){path}" for path in _WRITTEN)
    changed = commit and _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *excluded)
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    """Return what git prints; nothing where there is no git or no repository."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "--no-optional-locks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
