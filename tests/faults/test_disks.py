"""A disk that is full, and one that may not be written to."""

import os
import shutil

import pytest

from dl4ia.runs import RunDirectory
from tests.copies import differing
from tests.faults import scenes

# Root may write anywhere, unless it gives up just that.
UNPRIVILEGED = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@pytest.fixture(scope="module")
def training(base):
    return scenes.a_training(base, 60)


@pytest.fixture(scope="module")
def whole(training, tmp_path_factory):
    copy = training.make(tmp_path_factory.mktemp("whole") / "copy")
    copy.run(*training.command)
    return copy


def said_by(copy, *command) -> list[str]:
    """Run a command that must fail; return what it said, without what it said of MLflow."""
    process = copy.start(*command)
    said = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == 1, said
    return [line for line in said if not line.startswith("MLflow at ")]


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(training, whole, tmp_path):
    copy = training.make(tmp_path / "copy")
    (said,) = said_by(
        copy, "bash", "-c", f"ulimit -f 30; exec {' '.join(training.command)}"
    )  # KiB that a file may have
    assert said.startswith("error: out/checkpoints/")
    assert said.endswith(": File too large; nothing was half-written, mend it and run again")
    assert not [path for path in copy.root.rglob(".*") if path.is_file()]
    copy.run(*training.command)
    assert differing(copy.results(), whole.results()) == 0


@pytest.mark.skipif(bool(UNPRIVILEGED) and not shutil.which("setpriv"), reason="root may write anywhere")
@pytest.mark.parametrize("folder", ["out", f"out/runs/{scenes.VARIANT}/seed-0"])
def test_where_nothing_may_be_written_what_is_there_stays(training, whole, tmp_path, folder):
    copy = training.make(tmp_path / "copy")
    copy.run(*training.command)
    shutil.rmtree(copy.root / "out" / "checkpoints")
    closed = [path for path in [copy.root / folder, *(copy.root / folder).rglob("*")] if path.is_dir()]
    for path in closed:
        path.chmod(0o555)
    (said,) = said_by(copy, *UNPRIVILEGED, *training.command)
    assert said.startswith("error: ")
    assert "/out/" in said or said.startswith("error: out/")
    assert said.endswith(": Permission denied; nothing was half-written, mend it and run again")
    for path in closed:
        path.chmod(0o755)
    assert differing(copy.results(), whole.results()) == 0
    assert all(RunDirectory(path).finished for path in copy.root.glob("out/runs/*/seed-0"))
