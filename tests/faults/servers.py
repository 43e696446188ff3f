"""A real MLflow server, and what may stand between it and its clients."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import requests

from tests.workspaces import Process, family

_START = 180  # seconds; a machine may be busy
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it would start eight more processes
}
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host"}


class Server:
    """`mlflow server` on a database and a folder of its own, until the end of a `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None:
            return
        words = ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--artifacts-destination"]
        words += [str(self.folder / "artifacts"), "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("mlflow"), "server", *words], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, text=True,
            env=os.environ | _ENVIRONMENT,
        )  # fmt: skip
        deadline = time.monotonic() + _START
        while not health(self.address):
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.1)

    def limit(self, size: int) -> None:
        """Let none of its files grow beyond some bytes, as if the disk were full."""
        for number in self._family:
            resource.prlimit(number, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def kill(self) -> None:
        """End it and all its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def _family(self) -> set[int]:
        return set() if self._process is None else family(self._process)

    @property
    def size(self) -> int:
        return (self.folder / "mlflow.db").stat().st_size


def health(address: str) -> bool:
    """Return whether a server answers."""
    try:
        return requests.get(f"{address}/health", timeout=1).ok
    except requests.RequestException:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def refusing() -> Iterator[str]:
    """Yield the address of a server that answers 500 to everything."""

    class Refuse(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _refuse  # noqa: N815 (as the base class calls them)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with _listening(Refuse) as address:
        yield address


@contextmanager
def relay(server: Server, before_answer: Callable[[], None]) -> Iterator[str]:
    """Yield the address of a proxy of `server` that calls `before_answer` when the server has answered a request."""

    class Relay(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            answer = requests.request(
                self.command, server.address + self.path, data=body, headers=headers, timeout=_START
            )
            before_answer()
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with _listening(Relay) as address:
        yield address


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing about a client or a server that has gone meanwhile."""


@contextmanager
def _listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with _Quiet(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
