"""Sharing what has been computed through a remote of DVC: a bucket, a folder or a machine that a group can reach.

DVC keeps each file under its hash, in a working copy as in a remote: what has been sent is never sent again, and
several people can send at once. This module adds what they need to know: which output is missing or damaged, and why.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dvc.exceptions import DownloadError, DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_objects.errors import ObjectFormatError
from dvc_objects.fs import known_implementations

from dl4ia.base import atomic_files
from dl4ia.base.errors import UserError

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc_data.hashfile.db import HashFileDB

_NAME = "team"  # of the remote that `share` configures
_MISSING, _DAMAGED, _NOT_FETCHED = "missing", "damaged", "not fetched"  # what may be wrong with a file
_LOGGERS = ("dvc", "dvc_data", "dvc_objects")
_SECRETS = "credentials come from where the remote's own tools look for them, such as ~/.aws/credentials"
_ADVICE = "check the address, the network and your credentials"
_ADVICES = {
    "Host key is not trusted": "call `ssh` with this machine and port once, which asks whether to trust its key; if it "
    "warns of a key that has changed, ask whoever runs the machine",
    "Forbidden": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials, and that this account may "
    "read and write there",
    "Unable to acquire lock": "another DVC command runs in this folder: wait until it has ended",
    "Permission denied for user": "the agent must have a key that this machine admits, or ~/.ssh/config name one",
}  # by a part of the reason
_COLOURS = re.compile(r"\x1b\[[\d;]*m")  # of a terminal

known_implementations["ssh"]["class"] = "dl4ia.sharing.hosts.CheckedSSHFileSystem"


def share(root: Path, address: str | None) -> str:
    """Send the outputs and the run cache of the working copy at `root` to its remote; return what is there.

    `address`, if it is given, becomes the default remote, in `.dvc/config`. Raises UserError if not all could be sent:
    what was sent stays there, the same command sends the rest, and the default is the one that there was before.
    """
    config = root / ".dvc" / "config"
    before = config.read_bytes() if config.exists() else b""
    if address is not None:
        _configure(root, address)
    with _repository(root) as (repo, reasons):
        url, outputs = _url(repo), _outputs(repo)
        try:
            sent = repo.push(run_cache=True)
            absent = [name for name, output in outputs.items() if not _is_there(repo, output)]
        except Exception as error:  # (each kind of remote has its own)
            kept = "what was sent stays there, and the same command sends the rest"
            if address is not None and b"url" in before:  # of a remote that was right until now
                atomic_files.write(config, before)
            raise UserError(f"{url}: {_explained(error, reasons)}; {kept}") from error
    rest = f"; not on this machine: {', '.join(absent)}" if absent else ""
    return f"{url} has {len(outputs) - len(absent)} of {len(outputs)} outputs of dvc.lock ({sent} files sent now){rest}"


def fetch(root: Path) -> str:
    """Bring the outputs that `dvc.lock` names from the remote into the working copy at `root`; return what is here.

    An output that nobody has sent is no fault, and is named. A file that is damaged in the remote is removed there, so
    that whoever has it sends it again. Raises UserError that names the outputs of which files are missing or damaged
    there, or did not come; all others are in place.
    """
    with _repository(root) as (repo, reasons):
        url, outputs = _url(repo), _outputs(repo)
        try:
            sent = {
                name: each
                for name, each in outputs.items()
                if _is_whole(repo, each.hash_info.value) or _is_there(repo, each)
            }
            with suppress(DownloadError):  # what did not come is named below
                repo.fetch(targets=_paths(sent.values()) or None, run_cache=True)
            faults = {name: counts for name, output in sent.items() if (counts := _faults(repo, output)).total()}
            complete = _paths(output for name, output in sent.items() if name not in faults)
            if complete:
                repo.checkout(targets=complete)
        except Exception as error:  # (each kind of remote has its own)
            raise UserError(f"{url}: {_explained(error, reasons)}; what was fetched stays here") from error
    if faults:
        names = "; ".join(f"{name}: {_counted(counts)}" for name, counts in faults.items())
        remedy = "`make continue` computes them again, or whoever has them sends them by `make share`"
        if any(counts[_NOT_FETCHED] for counts in faults.values()):
            remedy = f"{_reason(DownloadError(0), reasons)}; the same command fetches what is in the remote"
        raise UserError(f"{url}: not all could be fetched ({names}): {remedy}; the other outputs are in place")
    others = [name for name in outputs if name not in sent]
    rest = f"; nobody has sent {', '.join(others)}: `make continue` computes what is needed" if others else ""
    return f"{len(sent)} of {len(outputs)} outputs are as in dvc.lock{rest}"


def _outputs(repo: Repo) -> "dict[str, Output]":
    """Return the outputs by name that have been computed and that DVC keeps."""
    return {output.def_path: output for output in repo.index.outs if output.use_cache and output.hash_info}


def _paths(outputs: "Iterable[Output]") -> list[str]:
    return [output.fs_path for output in outputs]


def _is_there(repo: Repo, output: "Output") -> bool:
    """Return whether the remote has an output: the file, or the list of its files."""
    return bool(repo.cloud.get_remote_odb().exists(output.hash_info.value))


def _faults(repo: Repo, output: "Output") -> "Counter[str]":
    """Return how many files of an output are not here, by what is wrong with them in the remote.

    Damaged files are removed there, and with damaged or missing ones the list of the output's files: a push takes what
    that list names for sent. What did not come is left as it is: it may be this machine that could not take it.
    """
    remote = repo.cloud.get_remote_odb()
    hashes = {each.value for used in output.get_used_objs().values() for each in used} or {output.hash_info.value}
    faults = {value: _fault(remote, value) for value in hashes if not _is_whole(repo, value)}
    gone = {value for value, fault in faults.items() if fault == _DAMAGED}
    if {_MISSING, _DAMAGED} & set(faults.values()):
        gone.add(output.hash_info.value)
    for value in gone:
        with suppress(Exception):  # where one may not write, or it is gone
            remote.fs.remove(remote.oid_to_path(value))
    return Counter(faults.values())


def _fault(remote: "HashFileDB", value: str) -> str:
    """Return what is wrong with a file of the remote that is not here; it is read there to know."""
    try:
        _, actual = hash_file(remote.oid_to_path(value), remote.fs, remote.hash_name)
    except FileNotFoundError:
        return _MISSING
    except Exception:  # noqa: BLE001 (each kind of remote has its own)
        return _NOT_FETCHED
    return _NOT_FETCHED if str(actual.value).partition(".")[0] == value.partition(".")[0] else _DAMAGED


def _counted(faults: "Counter[str]") -> str:
    return ", ".join(f"{count} file{'s' * (count > 1)} {fault}" for fault, count in faults.items())


def _is_whole(repo: Repo, value: str) -> bool:
    """Return whether the cache has the file with this hash; one that turns out to have another is removed from it."""
    try:
        repo.cache.local.check(value)
    except (FileNotFoundError, ObjectFormatError):
        return False
    return True


def _configure(root: Path, address: str) -> None:
    """Make `address` the default remote; raise UserError for what is none, or holds a secret: it is committed."""
    parts = urlsplit(address)
    folder = (root / Path(address).expanduser()).resolve()
    if "://" not in address and (":" in address or folder.is_relative_to(root.resolve())):
        raise UserError(
            f"{address}: expected a folder outside of this one, or an address such as s3://bucket/path or "
            f"ssh://user@host/path"
        )
    if parts.password:
        masked = parts._replace(netloc=f"***@{parts.hostname}").geturl()
        raise UserError(f"{masked}: leave the password out, which would be committed; {_SECRETS}")
    url = address if parts.scheme else str(folder)
    with _repository(root) as (repo, _), repo.config.edit("repo") as config:
        config["remote"][_NAME] = {**config["remote"].get(_NAME, {}), "url": url, "verify": True}
        config["core"]["remote"] = _NAME


@contextmanager
def _repository(root: Path) -> Iterator[tuple[Repo, list[str]]]:
    """Open DVC's repository at `root`; yield it with the list of what DVC reports as errors while it is open."""
    reasons = _Reasons(logging.ERROR)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:  # each fault is said once, by this module
        logger.handlers, logger.propagate = [reasons], False
    try:
        with Repo(str(root)) as repo:
            yield repo, reasons.lines
    except DvcException as error:
        raise UserError(f"{root.resolve()}: {_reason(error, reasons.lines)}") from error
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


class _Reasons(logging.Handler):
    """Keeps the messages of a log, with the exceptions that come with them."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.lines.append(f"{record.getMessage()}: {error}" if error else record.getMessage())


def _url(repo: Repo) -> str:
    """Return the address of the default remote; raise UserError if there is none."""
    name = repo.config["core"].get("remote")
    if name is None:
        raise UserError("no remote is configured: name one, as in `make share REMOTE=s3://bucket/path`")
    return str(repo.config["remote"][name]["url"])


def _reason(error: Exception, reasons: list[str]) -> str:
    """Return in one line why something failed: the first error that was reported, or the one that was raised."""
    return " ".join(_COLOURS.sub("", (reasons or [str(error) or type(error).__name__])[0]).split())


def _explained(error: Exception, reasons: list[str]) -> str:
    """Return why something failed, and what to do."""
    reason = _reason(error, reasons)
    return f"{reason}: {next((advice for sign, advice in _ADVICES.items() if sign in reason), _ADVICE)}"
