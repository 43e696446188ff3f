"""A disk that writes checkpoints slowly, for every Python that has this folder in its path."""

import os
import time
from pathlib import Path

_SECONDS = 0.2
_flush = os.fsync


def _slowly(descriptor: int) -> None:
    if ".checkpoint-" in Path(f"/proc/self/fd/{descriptor}").readlink().name:
        time.sleep(_SECONDS)
    _flush(descriptor)


os.fsync = _slowly
