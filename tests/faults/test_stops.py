"""Ctrl-C and SIGTERM, once and twice, at a training, a search and a whole reproduction."""

import os
import shutil
import signal
import time

import optuna
import psutil
import pytest
from mlflow import MlflowClient

from dl4ia.runs import RunDirectory
from tests.copies import alive, differing, family, wait_until
from tests.faults import scenes

ASKED = "what was done is kept, and the same command goes on"


def begun(copy, process, pattern="out/checkpoints/**/*.checkpoint", count=2) -> bool:
    """Wait until there are so many files, which tell that a training is well on its way; say whether it still is."""
    wait_until(lambda: process.poll() is not None or len(list(copy.root.glob(pattern))) >= count)
    return process.poll() is None


def runs(copy) -> list[RunDirectory]:
    return [RunDirectory(path) for path in copy.root.glob("out/runs/*/seed-*")]


def states_in_mlflow(copy) -> list[str]:
    client = MlflowClient(f"sqlite:///{copy.root}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.info.status for run in client.search_runs(ids)]


@pytest.fixture(scope="module")
def training(base):
    return scenes.a_training(base, 250)


@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
)
def test_a_training_that_is_asked_to_stop_says_where_it_stopped_and_goes_on(tmp_path, training, number, to_all, code):
    copy = training.make(tmp_path / "copy")
    process = copy.start(*training.command)
    assert begun(copy, process)
    there = family(process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert said.splitlines() == [f"stopped by {number.name}: {ASKED}"]
    assert wait_until(lambda: not alive(there), 5)  # the last is the one that tidies up after the pool
    assert {run.status["state"] for run in runs(copy)} == {"stopped"}
    assert states_in_mlflow(copy) == ["KILLED", "KILLED"]
    copy.run(*training.command)
    assert all(run.status["resumed_at"] > 0 for run in runs(copy))
    assert set(states_in_mlflow(copy)) == {"FINISHED"}
    if number == signal.SIGINT:
        whole = training.make(tmp_path / "whole")
        whole.run(*training.command)
        assert differing(copy.results(), whole.results()) == 0


def test_the_second_time_it_stops_at_once(tmp_path, training):
    copy = training.make(tmp_path / "copy")
    process = copy.start(*training.command)
    assert begun(copy, process)
    there = family(process)
    for pid in there - {process.pid}:
        if any("spawn_main" in word for word in psutil.Process(pid).cmdline()):
            os.kill(pid, signal.SIGSTOP)  # a worker that does not hear that it should stop
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert wait_until(lambda: not alive(there), 5)
    copy.run(*training.command)
    assert all(run.finished for run in runs(copy))


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_before_there_is_anything_to_stop_it_just_ends(tmp_path, training, seconds):
    copy = training.make(tmp_path / "copy")
    process = copy.start(*training.command)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said


def test_a_search_that_is_asked_to_stop_drops_its_trials_and_tries_them_again(tmp_path, base):
    scene = scenes.a_search(base, 30)
    copy = scene.make(tmp_path / "copy")
    process = copy.start(*scene.command)
    assert begun(copy, process)
    there = family(process)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.splitlines()[-1] == f"stopped by SIGINT: {ASKED}"
    assert wait_until(lambda: not alive(there), 5)  # the last is the one that tidies up after the pool
    study = optuna.load_study(study_name="lambda", storage=f"sqlite:///{copy.root}/studies.db")
    assert "RUNNING" not in {trial.state.name for trial in study.trials}
    assert copy.layout.study("lambda").status["state"] == "stopped"
    assert "RUNNING" not in states_in_mlflow(copy)
    started = time.monotonic()
    copy.run(*scene.command)
    whole = scene.make(tmp_path / "whole")
    whole.run(*scene.command)
    assert differing(copy.results(), whole.results()) == 0
    assert not list(copy.root.glob("out/checkpoints/*/*"))
    assert time.monotonic() - started < 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stage_stops_with_the_dvc_that_started_it(tmp_path, base, number):
    copy = scenes.a_reproduction(200).make(tmp_path / "copy")
    shutil.copytree(base / "out", copy.root / "out")
    process = copy.start("dvc", "repro", "--single-item", f"train@{scenes.VARIANT}")
    assert begun(copy, process, f"out/runs/{scenes.VARIANT}/*/history.csv")
    there = family(process)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert wait_until(lambda: not alive(there), 10)
    assert any(run.status["state"] == "stopped" for run in runs(copy))
