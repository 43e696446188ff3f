"""A team's tracking server, started by the commands of docs/tracking-server.md: accounts, PostgreSQL, S3."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine, text

from tests.conftest import ROOT
from tests.faults.servers import free_port, health
from tests.search import postgresql

ADMIN, PASSWORD = "admin", "a password of the admin"
_PAGE = (ROOT / "docs" / "tracking-server.md").read_text(encoding="utf-8")
(_ACCOUNTS,) = re.findall(r"```ini\n(.*?)```", _PAGE, re.DOTALL)
_SERVER, _ACCOUNT, _ = re.findall(r"```sh\n(.*?)```", _PAGE, re.DOTALL)
_HOST = "mlflow.example.org:5000"  # places that the page names
_DATABASE = "postgresql+psycopg://mlflow:PASSWORD@localhost/mlflow"
_DATABASE_OF_ACCOUNTS = "postgresql+psycopg://mlflow:PASSWORD@localhost/accounts"
_FILES = "s3://team/mlflow"
_START = 180  # seconds; a machine may be busy


@dataclass(frozen=True)
class TeamServer:
    """A server, with its database and what else stands for the places that the page names."""

    database: str
    accounts: str
    files: str
    port: int = field(default_factory=free_port)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create_account(self, name: str, password: str) -> None:
        """Create an account as the administrator does."""
        command = self.here(_ACCOUNT).replace('"ann"', f'"{name}"').replace('"a long password"', f'"{password}"')
        environment = os.environ | {"MLFLOW_AUTH_ADMIN_USERNAME": ADMIN, "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD}
        subprocess.run(["bash", "-ec", command], check=True, capture_output=True, env=environment)

    def here(self, words: str) -> str:
        """Return commands or settings of the page, for the places of this server."""
        places = {
            _DATABASE: self.database, _DATABASE_OF_ACCOUNTS: self.accounts, _FILES: self.files,
            _HOST: f"127.0.0.1:{self.port}", "--host 0.0.0.0 --port 5000": f"--host 127.0.0.1 --port {self.port}",
        }  # fmt: skip
        for name, place in places.items():
            words = words.replace(name, place)
        return words

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it, and end it afterwards."""
        pytest.importorskip("flask_wtf", reason="accounts need Flask-WTF: `pip install 'mlflow[auth]'`")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "accounts.ini").write_text(self.here(_ACCOUNTS))
            environment = os.environ | self.variables | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "only of this test", "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            }  # fmt: skip
            command = self.here(_SERVER).replace("/srv/mlflow", folder)
            with (Path(folder) / "log").open("w") as log:
                process = subprocess.Popen(
                    ["bash", "-ec", command],
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
            try:
                deadline = time.monotonic() + _START
                while not health(self.address):
                    starting = process.poll() is None and time.monotonic() < deadline
                    assert starting, (Path(folder) / "log").read_text()[-3000:]
                    time.sleep(0.1)
                yield
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def team_server() -> Iterator[TeamServer]:
    """Start PostgreSQL, S3 and MLflow's server; stop all of them afterwards."""
    with postgresql.server() as url, _s3() as variables:
        with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
            for name in ("mlflow", "accounts"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        places = [url.removesuffix("postgres") + name for name in ("mlflow", "accounts")]
        server = TeamServer(*places, files=_FILES, variables=variables)
        with server.running():
            yield server


@contextmanager
def _s3() -> Iterator[dict[str, str]]:
    """Yield the variables by which the tools of S3 find a server of it, which has the bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }  # fmt: skip
    try:
        with pytest.MonkeyPatch.context() as context:
            for name, value in variables.items():
                context.setenv(name, value)
            boto3.client("s3").create_bucket(Bucket="team")
        yield variables
    finally:
        server.stop()
