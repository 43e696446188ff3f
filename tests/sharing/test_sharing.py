"""What one person has computed, others fetch: through a folder and through a real S3 server."""

import re
import resource
import shutil
import signal
import time

import pytest
from dvc.repo import Repo

from dl4ia.base.errors import UserError
from dl4ia.sharing import fetch, share
from tests.sharing.conftest import FILES, OUTPUTS, Remote
from tests.workspaces import Workspace, wait_until

ONE, OTHER = b"weights 1\n", b"weights 2\n"


def shared(owner: Workspace, remote: Remote) -> None:
    share(owner.root, remote.address)
    owner.commit("Share")


def contents(workspace: Workspace) -> dict[str, bytes]:
    out = workspace.root / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("[!.]*") if path.is_file()}


def test_a_clone_elsewhere_has_everything_and_computes_nothing(owner, remote, tmp_path):
    shared(owner, remote)
    clone = owner.clone(tmp_path / "elsewhere" / "clone")
    assert fetch(clone.root) == "2 of 2 outputs are as in dvc.lock"
    assert contents(clone) == contents(owner)
    assert clone.repro() == []
    assert share(owner.root, None) == f"{remote.address} has 2 of 2 outputs of dvc.lock (0 files sent now)"


@pytest.mark.system
@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_what_is_missing_or_damaged_is_named_and_sent_again(owner, remote, tmp_path, fault):
    shared(owner, remote)
    if fault == "missing":
        remote.remove(remote.object_of(ONE))
    else:
        remote.write(remote.object_of(ONE), OTHER)
    clone = owner.clone(tmp_path / "clone")
    message = f"{remote.address}: not all could be fetched (out/weights: 1 file {fault}): `make continue`"
    with pytest.raises(UserError, match=re.escape(message)):
        fetch(clone.root)
    assert contents(clone).keys() == {f"pictures/{number}" for number in range(1, FILES + 1)}
    share(owner.root, None)
    fetch(clone.root)
    assert contents(clone) == contents(owner)
    assert clone.repro() == []


@pytest.mark.slow
def test_a_command_of_dvc_that_runs_meanwhile_is_named(owner, remote):
    expected = "Unable to acquire lock.*: another DVC command runs in this folder: wait until it has ended"
    with Repo(str(owner.root)).lock, pytest.raises(UserError, match=expected) as caught:
        share(owner.root, remote.address)
    assert "\x1b" not in str(caught.value)


@pytest.mark.slow
def test_what_this_machine_cannot_take_stays_in_the_remote(owner, remote, tmp_path):
    """A quota, or a full disk: DVC reports any transfer that fails alike."""
    (owner.root / "out" / "weights" / "1").write_bytes(bytes(3 << 20))
    owner.run("dvc", "commit", "--force", "weights")
    shared(owner, remote)
    before, clone = remote.objects(), owner.clone(tmp_path / "clone")
    message = f"{remote.address}: not all could be fetched (out/weights: 1 file not fetched): "
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(UserError, match=rf"^{re.escape(message)}.*too large.*; the same command fetches"):
            fetch(clone.root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert remote.objects() == before
    assert contents(clone).keys() == {f"pictures/{number}" for number in range(1, FILES + 1)}
    assert fetch(clone.root) == "2 of 2 outputs are as in dvc.lock"
    assert contents(clone) == contents(owner)


@pytest.mark.system
def test_what_nobody_has_sent_is_named_and_no_fault(owner, remote, tmp_path):
    shutil.rmtree(owner.root / "out" / "weights")
    shutil.rmtree(owner.root / ".dvc" / "cache")
    owner.run("dvc", "commit", "--force", "pictures")
    sent = "has 1 of 2 outputs of dvc.lock (7 files sent now); not on this machine: out/weights"
    assert share(owner.root, remote.address) == f"{remote.address} {sent}"
    owner.commit("Share")
    clone = owner.clone(tmp_path / "clone")
    fetched = "1 of 2 outputs are as in dvc.lock; nobody has sent out/weights: `make continue` computes what is needed"
    assert fetch(clone.root) == fetched
    assert clone.repro("--allow-missing") == []
    assert clone.repro() == ["weights"]


@pytest.mark.system
def test_what_the_remote_lacks_can_be_computed_instead(owner, remote, tmp_path):
    shared(owner, remote)
    remote.remove(remote.object_of(ONE))
    clone = owner.clone(tmp_path / "clone")
    with pytest.raises(UserError, match="out/weights"):
        fetch(clone.root)
    assert clone.repro() == ["weights"]
    assert contents(clone) == contents(owner)


@pytest.mark.system
def test_a_push_that_was_interrupted_is_completed_by_the_next(owner, remote, tmp_path):
    share(owner.root, remote.address)
    before = len(remote.objects())
    for number in range(300):
        (owner.root / "out" / "weights" / f"more-{number}").write_text(f"{number}")
    owner.run("dvc", "commit", "--force")
    process = owner.start("dl4ia", "share")
    assert wait_until(lambda: process.poll() is not None or len(remote.objects()) > before, 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    owner.commit("More")
    share(owner.root, None)
    clone = owner.clone(tmp_path / "clone")
    fetch(clone.root)
    assert contents(clone) == contents(owner)


@pytest.mark.system
def test_two_people_share_at_once(owner, remote, tmp_path):
    shared(owner, remote)
    people = [owner.clone(tmp_path / name) for name in ("one", "two")]
    for number, person in enumerate(people):
        fetch(person.root)
        person.edit("dvc.yaml", "echo weights $n", f"echo weights of {number}, $n")
        person.repro()
    processes = [person.start("dl4ia", "share") for person in people]
    for process in processes:
        assert (process.communicate()[1], process.returncode) == ("", 0)
    for person in people:
        person.commit("Other weights")
        colleague = person.clone(tmp_path / f"colleague of {person.root.name}")
        fetch(colleague.root)
        assert contents(colleague) == contents(person)


@pytest.mark.system
def test_a_file_of_ones_own_in_an_output_is_not_deleted(owner, remote, tmp_path):
    shared(owner, remote)
    clone = owner.clone(tmp_path / "clone")
    own = clone.root / "out" / "weights" / "notes.txt"
    own.parent.mkdir(parents=True)
    own.write_text("a note")
    with pytest.raises(UserError, match=r"Can't remove the following unsaved files .*notes.txt"):
        fetch(clone.root)
    assert own.read_text() == "a note"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (None, "no remote is configured: name one, as in `make share REMOTE=s3://bucket/path`"),
        ("s3://me:secret@host/bucket", "s3://***@host/bucket: leave the password out, which would be committed"),
        ("s3://there-is-no-such-bucket/x", "s3://there-is-no-such-bucket/x: The specified bucket does not exist"),
        ("gs://bucket/x", "gs://bucket/x: .*dvc-gs"),
        ("sftp3://bucket/x", "Unsupported URL type sftp3://"),
    ],
)
def test_a_remote_that_cannot_be_used_is_one_line_and_nothing_is_lost(owner, s3, address, message):
    before = contents(owner)
    with pytest.raises(UserError, match=message.replace("***", r"\*\*\*")) as caught:
        share(owner.root, address)
    assert "\n" not in str(caught.value)
    assert "secret" not in (owner.root / ".dvc" / "config").read_text()
    assert contents(owner) == before


@pytest.mark.system
def test_a_remote_that_does_not_answer_is_one_line(owner, s3, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"s3://bucket/x: .*127.0.0.1:9.*check the address, the network and your cred"):
        share(owner.root, "s3://bucket/x")
    owner.commit("Remote")
    with pytest.raises(UserError, match=r"s3://bucket/x: .*127.0.0.1:9.*what was fetched stays here"):
        fetch(owner.clone(tmp_path / "clone").root)
    assert time.monotonic() - started < 60
    assert set(OUTPUTS) == {path.name for path in (owner.root / "out").glob("[!.]*")}


@pytest.mark.parametrize("address", ["me@host:/path", "s3:/bucket", "out/store", "."])
def test_an_address_that_is_none_is_refused_and_not_configured(owner, address):
    with pytest.raises(UserError, match=f"^{re.escape(address)}: expected a folder outside of this one, or an address"):
        share(owner.root, address)
    assert "remote" not in (owner.root / ".dvc" / "config").read_text()


def test_an_address_that_fails_leaves_the_one_that_works(owner, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    share(owner.root, "~/store")
    before = (owner.root / ".dvc" / "config").read_text()
    assert str(tmp_path / "store") in before
    (tmp_path / "file").touch()
    with pytest.raises(UserError):
        share(owner.root, str(tmp_path / "file"))
    assert (owner.root / ".dvc" / "config").read_text() == before
