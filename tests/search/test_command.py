"""`dl4ia search` as its users run it: killed, resumed, started twice."""

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from dl4ia.runs import Layout
from tests.conftest import ROOT
from tests.copies import Copy, Process

POINT = ["regularization.kind", "regularization.strength"]
POINTS = sorted((kind, strength) for kind in ("l2", "weight-decay") for strength in (0.0, 0.001, 0.005, 0.01))


def short(params: dict) -> None:
    """Leave one study, which takes seconds."""
    params["studies"] = {"lambda": params["studies"]["lambda"]}
    params["studies"]["lambda"] |= {"iterations": 20, "evaluate_every": 10}


class Project(Copy):
    """A working copy with the drawn glands and a short study named lambda."""

    def search(self, *options: str) -> Process:
        return self.start("dl4ia", "search", "lambda", *options)

    def finish(self, process: Process) -> str:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
        return said

    @property
    def trials(self) -> pd.DataFrame:
        return Layout(self.root).study("lambda").table("trials")

    def wait_for(self, complete: int) -> None:
        deadline = time.monotonic() + 120
        while True:
            assert time.monotonic() < deadline
            if (self.root / "out" / "search" / "lambda" / "trials.csv").exists() and len(self.trials) >= complete:
                return
            time.sleep(0.05)

    @property
    def states(self) -> Counter[str]:
        storage = f"sqlite:///{self.root}/studies.db"
        return Counter(trial.state.name for trial in optuna.load_study(study_name="lambda", storage=storage).trials)

    def shown(self) -> pd.DataFrame:
        """Return name, status and parent of every run in MLflow."""
        client = MlflowClient(f"sqlite:///{self.root}/mlflow.db")
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = [(run.info.run_name, run.info.status, run.data.tags) for run in client.search_runs(ids)]
        return pd.DataFrame(
            [(name, status, tags.get("mlflow.parentRunId", "")) for name, status, tags in runs],
            columns=["name", "status", "parent"],
        )


@pytest.fixture
def project(layout) -> Project:
    shutil.rmtree(layout.root / "out" / "search", ignore_errors=True)
    return Project.of(ROOT, ["params.yaml"], layout.root, short)


def assert_each_point_is_complete_once(project) -> None:
    trials = project.trials
    complete = trials[trials["state"] == "complete"]
    assert sorted(map(tuple, complete[POINT].to_numpy())) == POINTS
    assert set(project.states) <= {"COMPLETE", "FAIL"}
    shown = project.shown()
    assert shown["name"].is_unique
    assert set(shown["name"]) == {"search/lambda"} | {f"lambda/trial-{number}" for number in trials["trial"]}
    assert set(shown["status"]) <= {"FINISHED", "FAILED"}
    assert shown.set_index("name").loc["search/lambda", "status"] == "FINISHED"
    assert (shown.loc[shown["name"] != "search/lambda", "parent"] != "").all()


def test_everything_killed_in_the_middle_of_trials_is_finished_by_the_same_command(project):
    first = project.search()
    project.wait_for(complete=1)
    while not project.states["RUNNING"]:
        assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    done = project.trials
    project.finish(project.search())
    assert_each_point_is_complete_once(project)
    kept = project.trials.set_index("trial").loc[done["trial"]]
    assert kept["value"].tolist() == done["value"].tolist()
    assert "interrupted" in set(project.trials["error"])


def test_a_killed_worker_is_one_line_and_its_trial_is_tried_again(project):
    first = project.search()
    project.wait_for(complete=2)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    worker = next(pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(int(worker), signal.SIGKILL)
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 1
    assert said.strip() == "error: a worker process was killed, perhaps for want of memory: free some and run again"
    deadline = time.monotonic() + 10
    while any(Path("/proc", pid).exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    project.finish(project.search())
    assert_each_point_is_complete_once(project)


def test_two_that_start_on_nothing_share_the_work(project):
    both = [project.search("--workers", "1"), project.search("--workers", "1")]
    for process in both:
        project.finish(process)
    assert_each_point_is_complete_once(project)
    assert len(project.trials) == len(POINTS)


def test_more_trials_widen_a_study(project):
    project.finish(project.search("--trials", "2"))
    first = project.trials
    project.finish(project.search("--trials", "4"))
    assert project.trials["trial"].tolist() == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(project.trials.loc[:1], first)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "error: --workers: got '0', expected a whole number above 0"),
        (["--workers", "1000"], "error: --workers: got 1000, and this machine has"),
        (["--trials", "many"], "error: --trials: got 'many', expected a whole number above 0"),
        (["--trials", "9"], "error: --trials: got 9, and the grid has 8 points"),
        (["--storage", "postgresql+psycopg://me@127.0.0.1:9/studies"], "error: no study can be kept at postgresql"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(project, options, message):
    process = project.search(*options)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said.startswith(message)
    assert len(said.splitlines()) == 1
    assert not (project.root / "out" / "search").exists()
