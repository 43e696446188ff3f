"""An SSH server of its own for a test, where OpenSSH's is installed."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.servers import free_port

_START = 60  # seconds
_SETTINGS = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class SshServer:
    """A server, and the folder below which its user may write."""

    user: str
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.folder}/shared"

    def trust(self, home: Path, key: Path | None = None) -> None:
        """Note a key, by default its own, as that of the server, where the tools of SSH look for known ones."""
        kind, code, *_ = (key or self.folder / "host.pub").read_text().split()
        (home / ".ssh").mkdir(exist_ok=True)
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {code}\n")

    def admit(self, home: Path) -> None:
        """Make a key in a home, and let it in."""
        shutil.copyfile(make_key(home), self.folder / "authorized_keys")


def make_key(home: Path) -> Path:
    """Make a key where the tools of SSH look for it; return its public part."""
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh" / "id_ed25519").unlink(missing_ok=True)
    _generate(home / ".ssh" / "id_ed25519")
    return home / ".ssh" / "id_ed25519.pub"


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    """Start a server on a free port, as a user without privileges; skip the test without OpenSSH."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        pytest.skip("OpenSSH's server is not installed")
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    server = SshServer(user, free_port(), Path(tempfile.mkdtemp(prefix="sshd-")))
    _generate(server.folder / "host")
    (server.folder / "settings").write_text(_SETTINGS.format(port=server.port, folder=server.folder))
    for path in (server.folder, *server.folder.iterdir()):
        shutil.chown(path, user)
    command = [program, "-D", "-e", "-f", server.folder / "settings"]
    with (server.folder / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, user=user if os.geteuid() == 0 else None)
    try:
        deadline = time.monotonic() + _START
        while not _listens(server.port):
            ready = process.poll() is None and time.monotonic() < deadline
            assert ready, (server.folder / "log").read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(server.folder)


def _generate(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
