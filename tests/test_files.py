import os
import platform
from pathlib import Path

import pytest

from dl4ia import files


def test_what_was_there_survives_a_write_that_fails(tmp_path):
    path = tmp_path / "file"
    files.write(path, b"good")

    def fail():
        with files.replacing(path) as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        fail()
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_place_is_an_error_and_leaves_nothing():
    with pytest.raises(OSError, match="/proc/dl4ia"):
        files.write(Path("/proc/dl4ia/file"), b"content")


def test_what_a_killed_process_left_is_tidied_up_and_what_a_living_one_writes_is_not(tmp_path):
    left, living = (tmp_path / f".file.{platform.node()}.{pid}" for pid in (999_999_999, os.getppid()))
    left.write_bytes(b"half")
    living.write_bytes(b"half")
    files.write(tmp_path / "file", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, "file"])
