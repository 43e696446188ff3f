import stat
from pathlib import Path

import pytest

from dl4ia.base import atomic_files


def test_the_previous_file_survives_a_write_that_fails(tmp_path):
    path = tmp_path / "file"
    atomic_files.write(path, b"good")

    def fail():
        with atomic_files.replacing(path) as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        fail()
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_place_is_an_error_and_leaves_nothing():
    with pytest.raises(OSError, match="/proc/dl4ia"):
        atomic_files.write(Path("/proc/dl4ia/file"), b"content")


def test_a_new_file_has_the_mode_of_any_other_new_file(tmp_path):
    atomic_files.write(tmp_path / "atomic", b"content")
    (tmp_path / "plain").write_bytes(b"content")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("atomic", "plain")}
    assert len(modes) == 1


def test_the_same_content_is_written_as_the_same_json(tmp_path):
    for name in ("a", "b"):
        atomic_files.write_json(tmp_path / name, {"second": [1.5, None], "first": "ü"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
