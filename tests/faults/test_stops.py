"""Ctrl-C, once, to a training; SIGTERM, a second signal, searches and reproductions are for `make test-all`."""

import os
import shutil
import signal
import time

import optuna
import psutil
import pytest
from mlflow import MlflowClient

from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.train import experiments, train_all
from dl4ia.search.storage import default_url
from tests.conftest import ROOT, shortened
from tests.faults import scenarios
from tests.faults.commands import errors_of, failure
from tests.workspaces import alive, differing, family, link_environment, wait_until

STOPPED = "all that is done is kept, and the same command resumes"
NAME, CHECKPOINTS = "mnist-cnn", "out/checkpoints/**/*.checkpoint"


def endless(params):
    """Return a variant that trains until it is stopped."""
    return shortened(params.variant(NAME), iterations=1_000_000_000)


def wait_for(workspace, process, pattern, count=1) -> None:
    """Wait until there are so many files; the command must still run then."""
    assert wait_until(lambda: process.poll() is not None or len(list(workspace.root.glob(pattern))) >= count)
    assert process.poll() is None, process.communicate()[1]


def runs(workspace) -> list[RunDirectory]:
    return [RunDirectory(path) for path in workspace.root.glob("out/runs/*/seed-*")]


def states(workspace) -> set[str]:
    return {run.status().state for run in runs(workspace)}


def states_in_mlflow(workspace) -> list[str]:
    client = MlflowClient(f"sqlite:///{workspace.root}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.info.status for run in client.search_runs(ids)]


def test_a_training_stopped_by_ctrl_c_saves_its_state_and_ends_in_one_line(params, layout):
    (experiment,) = experiments(params.model_copy(update={"variants": {NAME: endless(params)}}), [NAME], layout)

    def press_ctrl_c(progress) -> None:
        if progress.point and progress.point.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    code, message = failure(lambda: train_all([experiment], LocalProcesses(1), press_ctrl_c))
    assert (code, message) == (130, f"stopped by SIGINT: {STOPPED}")
    assert experiment.run.status().state == "stopped"
    (checkpoint,) = layout.root.glob(CHECKPOINTS)
    assert int(checkpoint.stem) >= experiment.run.history()["step"].iloc[-1]


@pytest.mark.system
@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
)
def test_a_stopped_training_is_tracked_as_killed_and_resumed(tmp_path, base, number, to_all, code):
    scenario = scenarios.training(base, 250)
    workspace = scenario.make(tmp_path / "workspace")
    process = workspace.start(*scenario.command)
    wait_for(workspace, process, CHECKPOINTS, count=2)
    processes = family(process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    assert errors_of(process) == [f"stopped by {number.name}: {STOPPED}"]
    assert process.returncode == code
    assert wait_until(lambda: not alive(processes), 5)  # the last is the one that tidies up after the others
    assert states(workspace) == {"stopped"}
    assert states_in_mlflow(workspace) == ["KILLED", "KILLED"]
    workspace.run(*scenario.command)
    assert all(run.status().resumed_at > 0 for run in runs(workspace))
    assert set(states_in_mlflow(workspace)) == {"FINISHED"}
    if number == signal.SIGINT:
        undisturbed = scenario.make(tmp_path / "undisturbed")
        undisturbed.run(*scenario.command)
        assert differing(workspace.results(), undisturbed.results()) == 0


@pytest.mark.system
def test_the_second_signal_ends_everything_at_once(tmp_path, base):
    scenario = scenarios.training(base, 250)
    workspace = scenario.make(tmp_path / "workspace")
    process = workspace.start(*scenario.command)
    wait_for(workspace, process, CHECKPOINTS, count=2)
    processes = family(process)
    workers = [pid for pid in processes - {process.pid} if psutil.Process(pid).ppid() != process.pid]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)  # it does not notice that it should stop
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert wait_until(lambda: not alive(processes), 5)
    workspace.run(*scenario.command)
    assert states(workspace) == {"finished"}


@pytest.mark.system
@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_a_command_that_has_not_begun_ends_without_a_traceback(tmp_path, base, seconds):
    scenario = scenarios.training(base, 250)
    workspace = scenario.make(tmp_path / "workspace")
    process = workspace.start(*scenario.command)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    assert "Traceback" not in "".join(errors_of(process))
    assert process.returncode in (130, -signal.SIGINT)


@pytest.mark.system
@pytest.mark.field("optuna/optuna#485", "trials stay RUNNING after Ctrl-C or kill")
def test_a_stopped_search_drops_its_trials_and_repeats_them(tmp_path, base):
    scenario = scenarios.search(base, 30)
    workspace = scenario.make(tmp_path / "workspace")
    process = workspace.start(*scenario.command)
    wait_for(workspace, process, CHECKPOINTS, count=2)
    processes = family(process)
    os.killpg(process.pid, signal.SIGINT)
    assert errors_of(process)[-1] == f"stopped by SIGINT: {STOPPED}"
    assert process.returncode == 130
    assert wait_until(lambda: not alive(processes), 5)
    study = optuna.load_study(study_name="lambda", storage=default_url(workspace.layout))
    assert "RUNNING" not in {trial.state.name for trial in study.trials}
    assert workspace.layout.study("lambda").status().state == "stopped"
    assert "RUNNING" not in states_in_mlflow(workspace)
    workspace.run(*scenario.command)
    undisturbed = scenario.make(tmp_path / "undisturbed")
    undisturbed.run(*scenario.command)
    assert differing(workspace.results(), undisturbed.results()) == 0
    assert not list(workspace.root.glob(CHECKPOINTS))


@pytest.mark.system
@pytest.mark.parametrize(("number", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_stages_that_run_side_by_side_stop_with_make(tmp_path, base, number, to_all):
    workspace = scenarios.reproduction(200).make(tmp_path / "workspace")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, workspace.root / name)
    link_environment(workspace.root)
    process = workspace.start("make", "repro")
    wait_for(workspace, process, f"out/runs/{scenarios.VARIANT}/*/history.csv")
    processes = family(process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert wait_until(lambda: not alive(processes), 20)
    assert "stopped" in states(workspace)
    if number == signal.SIGTERM:
        workspace.run("make", "repro")
        assert states(workspace) == {"finished"}
        assert (workspace.root / "report" / "report.md").exists()


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.field("treeverse/dvc#2811", "an interrupted DVC stays busy and locked")
def test_a_stage_stops_with_the_dvc_that_started_it(tmp_path, base, number):
    workspace = scenarios.reproduction(200).make(tmp_path / "workspace")
    shutil.copytree(base / "out", workspace.root / "out")
    workspace.run("dvc", "repro", "code")
    process = workspace.start("dvc", "repro", "--single-item", f"train@{scenarios.VARIANT}")
    wait_for(workspace, process, f"out/runs/{scenarios.VARIANT}/*/history.csv")
    processes = family(process)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert wait_until(lambda: not alive(processes), 10)
    assert states(workspace) <= {"stopped", "running"}
    assert "stopped" in states(workspace)
