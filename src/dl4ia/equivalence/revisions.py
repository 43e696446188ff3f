"""The files of other revisions of this repository."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from dl4ia.base.errors import UserError
from dl4ia.runs.provenance import git_environment


def write_revision(revision: str, folder: Path) -> None:
    """Write the files of a revision to `folder`; raises UserError if there is none, or no git."""
    if shutil.which("git") is None:
        raise UserError("git, which has the code of the revision, is not installed: install it")
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    environment = git_environment()
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    commit = run.stdout.strip()
    if not commit:
        raise UserError(f"{revision!r} is no commit of this repository")
    command = ["git", "archive", commit]
    archive = subprocess.run(command, capture_output=True, check=True, env=environment)  # noqa: S603
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        # Python has this filter from 3.11.4 on.
        files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _folder: member)
        files.extractall(folder)  # noqa: S202 (git's own)
