"""A PostgreSQL server of its own for a test, where PostgreSQL is installed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a database; skip the test without PostgreSQL."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("PostgreSQL is not installed")
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    folder, port = Path(tempfile.mkdtemp(prefix="postgresql-")), _free_port()
    if user:
        shutil.chown(folder, user)
    options: dict[str, Any] = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["initdb", "-D", folder / "data", "-A", "trust", "-U", "me", "--no-sync"], check=True, **options)
    arguments = ["-D", f"{folder}/data", "-F", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen(["postgres", *arguments], **options)
    try:
        url = f"postgresql+psycopg://me@127.0.0.1:{port}/postgres"
        _wait_for(url)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # fast: without waiting for clients
        process.wait()
        shutil.rmtree(folder)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            create_engine(url).connect().close()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
