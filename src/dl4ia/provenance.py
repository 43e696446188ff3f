"""What a result came from: the sources that decide it, and what it was computed with, on and by."""

import hashlib
import os
import platform
import subprocess
from importlib import resources
from typing import Any

import numpy as np
import psutil
import torch

# The sources that decide what a training results in; dvc.yaml names the same ones.
DECISIVE = ("experiment.py", "data/augment.py", "data/imageset.py", "metrics/classification.py",
            "metrics/segmentation.py", "models/classifiers.py", "models/layers.py", "models/segmenters.py",
            "training/loop.py", "training/objectives.py", "training/optimizers.py")  # fmt: skip

_DRIFT = 60  # seconds that a clock may be set by while a process runs; its start is told by that clock


def code_hash(*others: str) -> str:
    """Return one digest of the sources that decide what a training results in, and of `others` of the package."""
    package = resources.files("dl4ia")
    digest = hashlib.sha256()
    for name in (*DECISIVE, *others):
        digest.update(package.joinpath(name).read_bytes())
    return digest.hexdigest()


def provenance(device: torch.device) -> dict[str, Any]:
    """Return what the run was done with and on."""
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "git_commit": git.stdout.strip(),
        "process": this_process(),
    }


def this_process() -> str:
    """Return host, number and start of this process, which together no other one has."""
    process = psutil.Process()
    return f"{platform.node()}/{process.pid}/{process.create_time():.2f}"


def is_gone(process: str) -> bool:
    """Say whether a process that `this_process` named has ended; of those of other hosts nobody knows."""
    try:
        host, number, started = process.split("/")
        if host != platform.node():
            return False
        found = psutil.Process(int(number))
        another = abs(found.create_time() - float(started)) > _DRIFT
        return another or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except ValueError:  # not named by `this_process`
        return False
