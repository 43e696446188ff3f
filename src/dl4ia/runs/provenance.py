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

_OF_ANOTHER = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"}  # set where a git hook runs this
_WRITTEN = ("README.md", "dvc.lock", "models", "report", "results")


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
    """Return the commit of the working copy in this folder, with `-dirty` if what was run differs from it.

    Empty where the working copy is in no git repository, or in one that does not have its files. What the stages write
    themselves (`_WRITTEN`) is committed, too, but decides nothing: it does not count.
    """
    if not _git("ls-files", "params.yaml"):
        return ""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    excluded = (f":(exclude){path}" for path in _WRITTEN)
    changed = commit and _git("status", "--porcelain", "--untracked-files=no", "--", ".", *excluded)
    return f"{commit}-dirty" if changed else commit


def git_environment() -> dict[str, str]:
    """Return the environment in which git looks at the repository of this folder, and at no other."""
    return {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}


def _git(*arguments: str) -> str:
    """Return what git prints; nothing where there is no git or no repository."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "--no-optional-locks", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=git_environment())  # noqa: S603
    return run.stdout.strip()
