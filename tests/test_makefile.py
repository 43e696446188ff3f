"""The targets of the Makefile."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from optuna.storages import RDBStorage

from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path):
    """A working copy with a space in its name, set up."""
    folder = tmp_path / "my copy"
    (folder / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv" / "ready").write_text(f"{folder.resolve()}\n")
    return folder


def make(folder, *words):
    of_make = {"MAKEFLAGS", "MAKELEVEL"}  # set where `make test` runs this
    variables = {key: value for key, value in os.environ.items() if key not in of_make}
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False, env=variables)


def test_help_lists_every_target(folder):
    text = (folder / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    listed = [line.split()[1] for line in make(folder, "help").stdout.splitlines()]
    assert set(listed) == set(phony.split())


@pytest.mark.parametrize(
    ("target", "database", "port"),
    [("ui", "mlflow.db", 5000), ("demo-ui", "out/demo/mlflow.db", 5000), ("dashboard", "studies.db", 8080),
     ("demo-dashboard", "out/demo/studies.db", 8080)],
)  # fmt: skip
def test_a_server_listens_on_this_machine_alone(folder, target, database, port):
    for words, expected in (((), port), (("PORT=7001",), 7001)):
        commands = make(folder, "-n", target, *words).stdout
        servers = [line for line in commands.splitlines() if "--host" in line]
        assert servers
        assert all("--host 127.0.0.1" in server and f"--port {expected}" in server for server in servers)
        place, _, name = f"./{database}".rpartition("/")
        assert f"cd {place.removeprefix('./')} &&" in commands
        assert f" sqlite:///{name}" in servers[0]


@pytest.mark.field("mlflow/mlflow#5673", "the port of the UI is in use")
@pytest.mark.parametrize(("target", "database"), [("demo-ui", "mlflow.db"), ("demo-dashboard", "studies.db")])
def test_a_port_that_is_in_use_is_one_line(folder, target, database):
    (folder / "out" / "demo").mkdir(parents=True)
    (folder / "out" / "demo" / database).touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = make(folder, target, f"PORT={port}")
    assert ended.returncode
    line = f"port {port} is in use: choose another one, such as PORT={port + 1}"
    assert ended.stderr.splitlines()[0] == line


def test_the_ui_of_another_server_opens_no_database(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ended = make(folder, "--old-file=publish", "ui")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "MLFLOW_TRACKING_URI names a server: see the addresses above\n"
    assert not (folder / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("stage", "stages"),
    [("search@lambda", "search@lambda"), ("evaluate@mnist-fc", "train@mnist-fc evaluate@mnist-fc")],
)
def test_a_stage_that_runs_beside_others_waits_for_them_and_runs_nothing_else(folder, stage, stages):
    commands = make(folder, "-n", stage).stdout
    assert commands.endswith(f"dvc --wait-for-lock repro --single-item {stages}\n")


def test_a_group_that_there_is_not_is_named_before_anything_runs(folder):
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    ended = make(folder, "repro-best", "GROUP=bets")
    assert ended.returncode
    error, of_make = ended.stderr.splitlines()
    assert error.startswith("error: group 'bets' is not in params.yaml; did you mean 'best'?")
    assert of_make.startswith("make: ***")
    assert ended.stdout == ""


@pytest.mark.system
@pytest.mark.parametrize("name", ["mein projekt ü", 'a "quoted" $HOME `name`', "100 %?"])
def test_the_ui_and_the_dashboard_start_in_a_folder_of_any_name(folder, name, monkeypatch):
    folder = folder.rename(folder.parent / name)
    (folder / ".venv" / "ready").write_text(f"{folder.resolve()}\n")
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    RDBStorage(f"sqlite:///{folder.parent / 'studies.db'}")  # an address would have to be quoted
    shutil.move(folder.parent / "studies.db", folder / "studies.db")
    for target, database in (("ui", "mlflow.db"), ("dashboard", "studies.db")):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        words = ["make", "--old-file=publish", target, f"PORT={port}"]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, start_new_session=True) as process:
            try:
                assert answers(f"http://127.0.0.1:{port}/")
            finally:
                os.killpg(process.pid, signal.SIGTERM)
        assert (folder / database).exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == [name]


def answers(address):
    """Return whether a server answers within a minute."""
    for _ in range(120):
        with suppress(requests.ConnectionError):
            return requests.get(address, timeout=30).ok
        time.sleep(0.5)
    return False


def test_a_dashboard_without_studies_is_one_line_and_makes_no_database(folder):
    ended = make(folder, "dashboard")
    assert ended.returncode
    assert ended.stderr.splitlines()[0] == "no study has been run here: dl4ia search STUDY"
    assert not (folder / "studies.db").exists()
    assert make(folder, "demo-dashboard").stderr.splitlines()[0] == "no study has been run here: make demo"


def test_the_ui_says_where_its_address_is(folder):
    commands = make(folder, "-n", "demo-ui", "PORT=7001").stdout
    (line,) = [line for line in commands.splitlines() if "echo" in line and "MLflow" in line]
    printed = subprocess.run(["bash", "-c", line.split("; ")[-2]], capture_output=True, text=True, check=True).stdout
    assert printed == "MLflow starts: open an address above in a browser\n"
    assert "python -m dl4ia.tracking.mlflow" in commands


def test_the_ui_of_a_demonstration_that_has_not_been_run_is_one_line(folder):
    ended = make(folder, "demo-ui")
    assert ended.returncode == 2
    assert "no demonstration has been run here: make demo" in ended.stderr


@pytest.mark.parametrize(("path", "anew"), [("/the/old/folder", True), (None, False)])
def test_an_environment_that_was_moved_is_made_anew(folder, path, anew):
    (folder / ".venv" / "ready").write_text(f"{path or folder.resolve()}\n")
    assert ("-m venv --clear .venv" in make(folder, "-n", "setup").stdout) == anew


@pytest.mark.parametrize(("code", "last"), [(0, "uv pip install"), (2, "python -m pip install --quiet -r")])
def test_pip_installs_what_uv_cannot(folder, code, last):
    (folder / ".venv" / "ready").unlink()
    (folder / ".venv" / "bin").mkdir()
    for name, script in (("python", "echo \"global.index-url='x'\""), ("uv", f"exit {code}")):
        (folder / ".venv" / "bin" / name).write_text(f'#!/bin/bash\necho "{name} $*" >> called\n{script}\n')
        (folder / ".venv" / "bin" / name).chmod(0o755)
    commands = make(folder, "-n", "setup").stdout.replace("\\\n", "")
    (line,) = [line for line in commands.splitlines() if "-r requirements.lock" in line and "config list" in line]
    subprocess.run(["bash", "-c", line], cwd=folder, check=True)
    assert (folder / "called").read_text().splitlines()[-1].startswith(last)


def test_cleaning_removes_no_result(folder):
    for name in ("out/demo", "out/runs", "results", ".mypy_cache"):
        (folder / name).mkdir(parents=True)
    assert make(folder, "clean").returncode == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["runs"]
    assert (folder / "results").exists()


def test_the_default_tests_leave_out_what_takes_long(folder):
    every = make(folder, "-n", "test-all").stdout
    assert [line for line in every.splitlines() if "pytest" in line] == [
        'python -m pytest -m "not slow and not system"',
        'python -m pytest -m "slow and not system"',
        "python -m pytest -m system",
    ]


@pytest.mark.parametrize(
    ("here", "committed", "code"),
    [("stand-in", "published", 2), ("published", "published", 0), ("stand-in", "stand-in", 0)],
)
def test_what_only_the_stand_in_could_continue_is_not_continued(folder, here, committed, code):
    (folder / ".venv" / "bin").mkdir()
    for name in ("dvc", "python"):
        program = folder / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/ran"\n')
        program.chmod(0o755)
    for path, source in (("out/dataset/mnist-source.json", here), ("results/source.json", committed)):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(json.dumps({"source": source}, indent=2))
    ended = make(folder, "continue")
    assert ended.returncode == code
    assert ("dvc repro --allow-missing" in (folder / "ran").read_text()) == (code == 0)
    assert ("the published data are not available (see docs/data.md)" in ended.stderr) == (code != 0)
