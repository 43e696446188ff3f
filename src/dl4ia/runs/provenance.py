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
    """Return the commit of the working copy, with `-dirty` if files differ from it; empty without git."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return described.stdout.strip()
