"""A Dask cluster on this machine: a scheduler and workers, as a user starts them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from distributed import Client

_PATIENCE = 60  # seconds until something that should happen is given up


@dataclass
class Cluster:
    """A scheduler, and the commands that started workers."""

    folder: Path
    address: str
    scheduler: subprocess.Popen[bytes]
    commands: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_workers(self, count: int, *options: str, folder: Path | None = None, **environment: str) -> None:
        """Start workers in `folder` (default: that of the cluster), and wait until they have joined."""
        command = [self.address, "--nthreads", "1", "--nworkers", str(count), "--no-dashboard", "--memory-limit", "0"]
        with Client(self.address, set_as_default=False) as client:
            before = len(client.scheduler_info(n_workers=-1)["workers"])
            self.commands.append(_started("dask_worker", [*command, *options], folder or self.folder, environment))
            client.wait_for_workers(before + count, timeout=_PATIENCE)


@contextmanager
def cluster(folder: Path, workers: int = 0) -> Iterator[Cluster]:
    """Start a scheduler on a free port, and workers in a folder, if any; end all of them afterwards."""
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with tempfile.TemporaryDirectory() as place:
        address_file = Path(place) / "scheduler.json"
        scheduler = _started("dask_scheduler", [*options, "--scheduler-file", str(address_file)], folder, {})
        address = _address(address_file)
    started = Cluster(folder, address, scheduler)
    try:
        if workers:
            started.add_workers(workers)
        yield started
    finally:
        for process in (*started.commands, scheduler):
            _end(process)


def _address(file: Path) -> str:
    """Return what a scheduler has written about itself, once it has."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(file.read_text())["address"])
        assert time.monotonic() < deadline, "the scheduler does not start"
        time.sleep(0.05)


def _started(command: str, options: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    inherited = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment
    arguments = [sys.executable, "-m", f"distributed.cli.{command}", *options]
    return subprocess.Popen(arguments, cwd=folder, env=inherited, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and the workers that it started."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.wait()
    for child in children:
        if child.is_running():
            child.kill()
