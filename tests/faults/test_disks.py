"""A disk that is full, and one that may not be written to."""

import os
import resource
import shutil
from contextlib import contextmanager

import pytest

from dl4ia.runs.train import Experiment, train_all
from tests.conftest import shortened
from tests.faults import scenarios
from tests.faults.commands import errors_of, failure
from tests.runs.inline import Inline
from tests.workspaces import differing

# Root may write anywhere, unless it gives up just that.
UNPRIVILEGED = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
ROOM = 30 << 10  # bytes that a file may have
REMEDY = "no file is half-written: run the same command again"


@contextmanager
def full_disk():
    """Refuse to write more than `ROOM` bytes to a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.field("facebookresearch/metaseq#53", "writing a checkpoint fails and leaves half of it")
def test_a_full_disk_is_reported_in_one_line_and_the_training_can_be_repeated(params, layout):
    experiment = Experiment("mnist-cnn", shortened(params.variant("mnist-cnn")), 0, layout)

    def train() -> None:
        train_all([experiment], Inline(), lambda _: None)

    with full_disk():
        code, message = failure(train)
    folder = layout.checkpoints(experiment.run.config().checkpoints_key)
    assert code == 1
    assert message.startswith(f"error: {folder}/")
    assert message.endswith(f": File too large; {REMEDY}")
    assert experiment.run.status().state == "failed"
    assert not list(folder.iterdir())
    train()
    assert experiment.run.status().state == "finished"
    assert len(experiment.run.history()) == 2


@pytest.fixture(scope="module")
def training(base):
    return scenarios.training(base, 60)


@pytest.fixture(scope="module")
def undisturbed(training, tmp_path_factory):
    workspace = training.make(tmp_path_factory.mktemp("undisturbed") / "workspace")
    workspace.run(*training.command)
    return workspace


def refusal(workspace, *command) -> str:
    """Run a command that must fail; return the line that it prints to stderr."""
    process = workspace.start(*command)
    (line,) = errors_of(process)
    assert process.returncode == 1, line
    return line


@pytest.mark.system
def test_the_command_that_met_a_full_disk_resumes(training, undisturbed, tmp_path):
    workspace = training.make(tmp_path / "workspace")
    limited = f"ulimit -f {ROOM >> 10}; exec {' '.join(training.command)}"
    message = refusal(workspace, "bash", "-c", limited)
    assert message.startswith("error: out/checkpoints/")
    assert message.endswith(f": File too large; {REMEDY}")
    assert not list(workspace.root.rglob(".partial-*"))
    workspace.run(*training.command)
    assert differing(workspace.results(), undisturbed.results()) == 0


@pytest.mark.system
@pytest.mark.skipif(bool(UNPRIVILEGED) and not shutil.which("setpriv"), reason="root may write anywhere")
@pytest.mark.parametrize("folder", ["out", f"out/runs/{scenarios.VARIANT}/seed-0"])
def test_what_exists_stays_where_nothing_may_be_written(training, undisturbed, tmp_path, folder):
    workspace = training.make(tmp_path / "workspace")
    workspace.run(*training.command)
    shutil.rmtree(workspace.root / "out" / "checkpoints")
    closed = [path for path in [workspace.root / folder, *(workspace.root / folder).rglob("*")] if path.is_dir()]
    for path in closed:
        path.chmod(0o555)
    message = refusal(workspace, *UNPRIVILEGED, *training.command)
    for path in closed:
        path.chmod(0o755)
    assert message.startswith("error: ")
    assert "out/" in message
    assert message.endswith(f": Permission denied; {REMEDY}")
    assert below(folder, workspace.results()) == below(folder, undisturbed.results())
    assert workspace.layout.run(scenarios.VARIANT, 0).status().state == "finished"
    workspace.run(*training.command)
    assert differing(workspace.results(), undisturbed.results()) == 0


def below(folder: str, results: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in results.items() if name.startswith(f"{folder}/")}
