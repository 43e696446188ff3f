"""A small working copy of DVC, and the remotes that it is shared through: a folder, and a real S3 server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.end_to_end.conftest import reproduced
from tests.workspaces import Workspace

__all__ = ["reproduced"]

OUTPUTS = ("weights", "pictures")
FILES = 6  # of each output
_STAGE = """
  {name}:
    cmd: mkdir -p out/{name} && for n in $(seq {files}); do echo {name} $n > out/{name}/$n; done
    outs: [out/{name}]
"""


@dataclass(frozen=True)
class Remote:
    """Where outputs are shared, and how its objects can be tampered with."""

    address: str
    objects: Callable[[], dict[str, bytes]]
    write: Callable[[str, bytes], object]
    remove: Callable[[str], object]

    def object_of(self, content: bytes) -> str:
        """Return the name of the object with this content."""
        (name,) = [name for name, each in self.objects().items() if each == content]
        return name


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the tools of S3 at the server, as a user does: by their own variables."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    return folder_remote(tmp_path / "shared") if request.param == "folder" else s3_remote(request, tmp_path.name)


def folder_remote(folder: Path) -> Remote:
    folder.mkdir()

    def objects() -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def write(name: str, content: bytes) -> None:
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(content)

    return Remote(str(folder), objects, write, lambda name: (folder / name).unlink())


def s3_remote(request: pytest.FixtureRequest, name: str) -> Remote:
    request.getfixturevalue("s3")
    bucket = boto3.resource("s3").create_bucket(Bucket=name.replace("_", "-").strip("-"))

    def objects() -> dict[str, bytes]:
        return {each.key: each.get()["Body"].read() for each in bucket.objects.all()}

    def write(name: str, content: bytes) -> object:
        return bucket.put_object(Key=name, Body=content)

    return Remote(f"s3://{bucket.name}/project", objects, write, lambda name: bucket.Object(name).delete())


@pytest.fixture(scope="session")
def has_run(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A committed working copy in which everything has been run."""
    workspace = Workspace(tmp_path_factory.mktemp("owner"))
    root = workspace.root
    workspace.run("git", "init", "-q")
    workspace.run("dvc", "init", "-q")
    stages = "".join(_STAGE.format(name=name, files=FILES) for name in OUTPUTS)
    (root / "dvc.yaml").write_text(f"stages:{stages}")
    workspace.repro()
    workspace.commit("Run")
    return workspace


@pytest.fixture
def owner(has_run: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it for one test."""
    return has_run.copy(tmp_path / "owner")
