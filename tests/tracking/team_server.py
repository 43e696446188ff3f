"""A team's tracking server as docs/tracking-server.md describes it: accounts and runs in PostgreSQL, files in S3."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine, text

from tests.faults.servers import free_port, health
from tests.search import postgresql

ADMIN, PASSWORD = "admin", "a password of the admin"
_START = 180  # seconds; a machine may be busy
_BUCKET = "team"
_ACCOUNTS = """
[mlflow]
default_permission = MANAGE
database_uri = {database}
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True)
class TeamServer:
    """Where the server is, and its database."""

    address: str
    database: str

    def create_account(self, name: str, password: str) -> None:
        """Create an account as the administrator does."""
        answer = requests.post(
            f"{self.address}/api/2.0/mlflow/users/create",
            json={"username": name, "password": password},
            auth=(ADMIN, PASSWORD),
            timeout=60,
        )
        answer.raise_for_status()


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """Yield the variables by which the tools of S3 find a server of it, with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    boto3.resource(
        "s3", endpoint_url=variables["AWS_ENDPOINT_URL"], aws_access_key_id="me", aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket=_BUCKET)  # fmt: skip
    try:
        yield variables
    finally:
        server.stop()


@contextmanager
def team_server() -> Iterator[TeamServer]:
    """Start PostgreSQL, S3 and MLflow's server with authentication and check of hosts; stop all of them afterwards."""
    with postgresql.server() as url, s3() as variables:
        with create_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in ("mlflow", "accounts"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        databases = [url.removesuffix("postgres") + name for name in ("mlflow", "accounts")]
        arguments = ["--backend-store-uri", databases[0], "--artifacts-destination", f"s3://{_BUCKET}/mlflow"]
        arguments += ["--workers", "2"]
        with serving(arguments, databases[1], **variables) as address:
            yield TeamServer(address, databases[0])


@contextmanager
def serving(arguments: list[str], accounts: str, **variables: str) -> Iterator[str]:
    """Yield the address of an `mlflow server` with authentication, and check of the host that it is called by."""
    pytest.importorskip("flask_wtf", reason="MLflow's authentication needs Flask-WTF: `pip install 'mlflow[auth]'`")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "accounts.ini"
        settings.write_text(_ACCOUNTS.format(database=accounts))
        variables |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "only of this test",
            "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN, "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }  # fmt: skip
        words = ["--app-name", "basic-auth", "--host", "127.0.0.1", "--port", str(port)]
        words += ["--allowed-hosts", f"127.0.0.1:{port}"]
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("mlflow"), "server", *words, *arguments], stdout=log, stderr=log,
                cwd=folder, env=os.environ | variables, start_new_session=True,
            )  # fmt: skip
            try:
                deadline = time.monotonic() + _START
                while not health(f"http://127.0.0.1:{port}"):
                    ready = process.poll() is None and time.monotonic() < deadline
                    assert ready, Path(log.name).read_text()[-3000:]
                    time.sleep(0.1)
                yield f"http://127.0.0.1:{port}"
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
