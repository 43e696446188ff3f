"""A few of the bad inputs of `make torture` for each kind of file, and how whole commands end that meet one."""

import zlib
from random import Random

import pytest

from tests.faults import scenarios
from tests.faults.commands import errors_of
from tests.faults.inputs import outcomes
from tests.faults.prepared import prepare
from tests.faults.targets import TARGETS
from tests.workspaces import Workspace

FEW = 4


@pytest.fixture(scope="module")
def prepared(base, tmp_path_factory):
    return prepare(base, tmp_path_factory.mktemp("inputs") / "workspace")


def faults(kind, prepared, count):
    """Return what is wrong with how a number of bad versions were met."""
    tried = list(outcomes(TARGETS[kind](prepared), Random(zlib.crc32(kind.encode())), count))
    assert len(tried) >= FEW
    return [(description, fault) for description, fault in tried if fault]


@pytest.mark.parametrize("kind", TARGETS)
def test_a_bad_file_is_refused_in_one_line_or_read_for_what_it_says(prepared, kind):
    assert faults(kind, prepared, FEW) == []


@pytest.mark.system
@pytest.mark.parametrize("kind", TARGETS)
def test_many_bad_files_are_refused_in_one_line_or_read_for_what_they_say(prepared, kind):
    assert faults(kind, prepared, 60) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base) -> Workspace:
    scenario = scenarios.training(base, 4)
    workspace = scenario.make(tmp_path_factory.mktemp("trained") / "workspace")
    workspace.run(*scenario.command)
    workspace.run("python", "-m", "pipeline.evaluate", scenarios.VARIANT)
    return workspace


@pytest.mark.system
@pytest.mark.parametrize(
    ("command", "file", "content", "message"),
    [
        ("train", "params.yaml", b"data: {source: auto", "params.yaml is not valid YAML"),
        ("train", "out/dataset/warwick-train.npz", b"PK", "warwick-train.npz is not a readable image set"),
        ("train", "out/split/warwick/random.json", b"[]", "random.json has no splits"),
        ("evaluate", "out/dataset/warwick-test.npz", b"PK", "warwick-test.npz is not a readable image set"),
        ("evaluate", "out/runs/{name}/seed-0/status.json", b"{}", "status.json: started: Field required"),
        ("evaluate", "out/runs/{name}/seed-0/model.safetensors", b"x", "not a readable safetensors file"),
        ("report", "out/dataset/warwick-source.json", b"{}", "warwick-source.json: source: Field required"),
        ("report", "results/{name}/runs.json", b"{}", "runs.json: name: Field required"),
    ],
)
def test_a_command_that_meets_a_bad_file_ends_in_one_line_and_changes_nothing(trained, command, file, content, message):
    path = trained.root / file.format(name=scenarios.VARIANT)
    good = path.read_bytes()
    before = trained.results()
    path.write_bytes(content)
    words = ["python", "-m", f"pipeline.{command}", *([] if command == "report" else [scenarios.VARIANT])]
    process = trained.start(*words)
    (line,) = errors_of(process)
    path.write_bytes(good)
    assert process.returncode == 1
    assert line.startswith("error: ")
    assert message in line
    assert trained.results() == before
