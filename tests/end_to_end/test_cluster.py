"""The whole pipeline on a Dask cluster, whose workers and scheduler are killed in the middle."""

import os
import signal

import psutil
import pytest
from distributed import Client
from joblib import cpu_count

from tests.end_to_end.conftest import project
from tests.execution.clusters import cluster
from tests.faults.servers import free_port
from tests.search import postgresql
from tests.workspaces import differing, wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What processes of this machine leave, with one thread each, as workers have."""
    workspace = project(tmp_path_factory.mktemp("local") / "copy")
    workspace.run("dvc", "repro", LOKY_MAX_CPU_COUNT="1")
    return workspace.results()


@pytest.fixture
def workspace(tmp_path):
    return project(tmp_path / "copy")


@pytest.fixture
def database():
    with postgresql.server() as url:
        yield url


def workers(started):
    """Return the processes of workers, which their nannies start again."""
    nannies = [psutil.Process(command.pid) for command in started.commands]
    return [child for nanny in nannies for child in nanny.children() if "spawn_main" in " ".join(child.cmdline())]


def reproducing(workspace, started, database, workers):
    """Start `dvc repro` on a cluster with so many workers; return it and its variables once it has trained a bit."""
    started.add_workers(workers, PYTHONPATH=workspace.sources)
    where = {"DASK_SCHEDULER_ADDRESS": started.address, "OPTUNA_STORAGE": database}
    command = workspace.start("dvc", "repro", **where)
    assert wait_until(lambda: any(workspace.root.glob("out/runs/*/seed-*/history.csv")))
    return command, where


def test_a_worker_that_is_killed_costs_nothing_and_results_are_those_of_this_machine(workspace, database, expected):
    with cluster(workspace.root) as started:
        command, _ = reproducing(workspace, started, database, 3)
        for worker in workers(started)[:2]:
            worker.kill()
        _, errors = command.communicate()
        assert command.returncode == 0, errors
    assert differing(workspace.results(), expected) == 0
    assert not (workspace.root / "studies.db").exists()
    assert workspace.repro() == []


def test_a_scheduler_that_is_killed_loses_nothing(workspace, database, expected):
    with cluster(workspace.root) as started:
        command, where = reproducing(workspace, started, database, 2)
        os.kill(started.scheduler.pid, signal.SIGKILL)
        _, errors = command.communicate()
    assert command.returncode != 0
    assert f"error: the scheduler at {started.address} does not answer" in errors
    assert "Traceback" not in errors
    with cluster(workspace.root) as another:
        another.add_workers(2, PYTHONPATH=workspace.sources)
        workspace.run("dvc", "repro", **(where | {"DASK_SCHEDULER_ADDRESS": another.address}))
    assert differing(workspace.results(), expected) == 0


def test_a_study_in_a_file_is_refused(workspace):
    with cluster(workspace.root) as started:
        started.add_workers(1, PYTHONPATH=workspace.sources)
        searched = workspace.run("dl4ia", "search", "lambda", "--scheduler", started.address, check=False)
    assert searched.returncode == 1
    assert searched.stderr.splitlines()[-1].startswith("error: sqlite://")
    assert "OPTUNA_STORAGE" in searched.stderr


def test_the_cluster_of_this_machine_trains(workspace):
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    started = workspace.start("make", "-o", "setup", "cluster", f"PORT={port}", PYTHONPATH=workspace.sources)
    try:
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(cpu_count(), timeout=60)
        workspace.run("dvc", "repro", "split")
        trained = workspace.run("dl4ia", "train", "warwick-start", "--scheduler", address)
    finally:
        os.killpg(started.pid, signal.SIGINT)
        started.communicate()
    assert "warwick-start" in trained.stdout
    assert "2 of 2 runs finished" in trained.stdout
