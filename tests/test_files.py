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
