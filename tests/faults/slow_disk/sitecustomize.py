"""A slow disk, for every Python with this folder in its path: it takes its time over files named like SLOW_FILES."""

import os
import time
from pathlib import Path

_SECONDS = 0.2
_NAME = os.environ["SLOW_FILES"]
_flush = os.fsync


def _slowly(descriptor: int) -> None:
    if _NAME in Path(f"/proc/self/fd/{descriptor}").readlink().name:
        time.sleep(_SECONDS)
    _flush(descriptor)


os.fsync = _slowly
