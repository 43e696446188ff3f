"""Locks of files."""

import errno
import os

import pytest
from filelock import Timeout

from dl4ia.base.errors import UserError
from dl4ia.base.locks import file_lock


def test_a_lock_is_held_by_one_at_a_time_and_released(tmp_path):
    path = tmp_path / "lock"
    with file_lock(path, 1), pytest.raises(Timeout), file_lock(path, 0.1):
        pass
    with file_lock(path, 0.1):
        pass


@pytest.mark.field("tox-dev/filelock#77", "a network mount has no locks, and nobody says so")
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.raises(UserError, match=r"lock: this file system has no locks .* put the working copy on a local disk"),
        file_lock(tmp_path / "lock", 60),
    ):
        pass
