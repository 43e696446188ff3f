"""Studies in processes of their own: killed, started twice, shared by working copies."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import optuna
import pytest

from dl4ia.base.errors import RunError
from dl4ia.config import Choices
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.layout import Layout
from dl4ia.search.storage import default_url, join_study, open_study
from dl4ia.search.trial_queue import enqueue
from tests.conftest import ROOT
from tests.search.conftest import POINT, run, small, write_data

LONG = {"iterations": 20, "evaluate_every": 10}
TWO = LocalProcesses(2, one_thread_each=True)


def few(grid, **changes):
    """Return the study of four points of the grid."""
    space = grid.space | {POINT[1]: Choices(kind="choices", choices=(0.0, 0.001))}
    return small(grid, **(LONG | {"space": space, "trials": 4} | changes))


def assert_each_point_is_complete_once(study, layout, name="study") -> None:
    trials = layout.study(name).table("trials")
    complete = trials[trials["state"] == "complete"]
    assert sorted(map(tuple, complete[POINT].to_numpy())) == sorted(tuple(point.values()) for point in study.grid())


def wait_for(condition, seconds=120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start(layout, *url) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.search.command", str(layout.root), *url], cwd=ROOT, start_new_session=True,
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )  # fmt: skip


def finish(process) -> None:
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors


class View:
    """A study as another process sees it."""

    def __init__(self, grid, layout) -> None:
        self.study, self.layout = small(grid, **LONG), layout

    @property
    def states(self) -> Counter[str]:
        if not (self.layout.study("study").path / "status.json").exists():
            return Counter()
        trials = join_study("study", self.study, default_url(self.layout)).trials
        return Counter(trial.state.name for trial in trials)


def share(job, context) -> None:
    """Run a study in a working copy of one's own; all start together, and decide long before they add a trial."""
    study, layout, name, url, moment = job
    add = optuna.Study.add_trial

    def add_slowly(*arguments) -> None:
        time.sleep(0.5)
        add(*arguments)

    optuna.Study.add_trial = add_slowly
    time.sleep(max(0.0, moment - time.time()))
    run(study, layout, name, url)


def assert_working_copies_do_not_repeat_a_trial(grid, tmp_path, url, name="study") -> None:
    study, layouts = few(grid, iterations=1), [Layout(tmp_path / name) for name in ("first", "second")]
    for layout in layouts:
        write_data(layout)
    stored = open_study(name, study, layouts[0], url)
    enqueue(small(study, trials=2), list(study.grid()), stored.study)
    for _ in range(2):
        with pytest.warns(UserWarning, match="Heartbeat of storage is supposed"):
            stored.study.ask()  # and no more: every copy finds trials to queue again, and some to add
    moment = time.time() + 3
    TWO.run(share, [(study, layout, name, url, moment) for layout in layouts], lambda _: None)
    assert Counter(trial.state.name for trial in stored.trials) == {"FAIL": 2, "COMPLETE": 4}
    assert_each_point_is_complete_once(study, layouts[1], name)


@pytest.mark.field("python/cpython#96062", "a pool waits for ever for a worker that was killed")
def test_a_killed_worker_ends_a_study_and_the_same_command_finishes_it(grid, layout):
    study, url = few(grid, iterations=120), default_url(layout)
    killed = []

    def kill_the_worker_of_the_newest_trial() -> bool:
        """Kill the worker whose trial has longest to run, as others may end theirs; return whether there is one."""
        trials = join_study("study", study, url).trials
        running = [trial for trial in trials if trial.state.name == "RUNNING" and "process" in trial.user_attrs]
        if running:
            killed.append(int(running[-1].user_attrs["process"].split("/")[1]))
            os.kill(killed[0], signal.SIGKILL)
        return bool(running)

    def kill(progress) -> None:
        if progress.ended and not killed:
            wait_for(kill_the_worker_of_the_newest_trial)  # perhaps none has taken its next trial yet

    with pytest.raises(RunError, match="a worker process was killed"):
        run(study, layout, executor=TWO, observe=kill)
    assert layout.study("study").status().state == "stopped"
    before = layout.study("study").table("trials")
    trials = run(study, layout).table("trials")
    assert_each_point_is_complete_once(study, layout)
    assert "interrupted" in set(trials["error"])
    done = before.loc[before["state"] == "complete", ["trial", "value"]].to_numpy().tolist()
    assert [trials.set_index("trial").loc[number, "value"] for number, _ in done] == [value for _, value in done]


@pytest.mark.slow
@pytest.mark.field("optuna/optuna#2950", "several processes of one machine on one SQLite file")
def test_working_copies_that_share_a_file_do_not_repeat_a_trial(grid, tmp_path):
    assert_working_copies_do_not_repeat_a_trial(grid, tmp_path, f"sqlite:///{tmp_path}/shared.db")


@pytest.mark.system
@pytest.mark.field("optuna/optuna#1532", "trials of killed processes stay RUNNING, and fewer new ones start")
def test_everything_killed_in_the_middle_of_trials_is_finished_by_the_same_command(grid, layout):
    view, first = View(grid, layout), start(layout)
    wait_for(lambda: view.states["COMPLETE"] and view.states["RUNNING"])
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    finish(start(layout))
    assert_each_point_is_complete_once(view.study, layout)
    assert "interrupted" in set(layout.study("study").table("trials")["error"])


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_study_is_finished_by_the_same_command(grid, layout, number):
    view, first = View(grid, layout), start(layout)
    wait_for(lambda: view.states["COMPLETE"] and view.states["RUNNING"])
    first.send_signal(number)
    assert "Interrupted" in first.communicate(timeout=60)[1]
    assert layout.study("study").status().state == "stopped"
    assert view.states["RUNNING"] == 0
    finish(start(layout))
    assert_each_point_is_complete_once(view.study, layout)


@pytest.mark.system
@pytest.mark.field("optuna/optuna#4621", "two processes that create the tables at once fail")
def test_two_commands_that_start_on_nothing_share_the_work(grid, layout):
    for process in [start(layout), start(layout)]:
        finish(process)
    assert_each_point_is_complete_once(small(grid), layout)
    assert len(layout.study("study").table("trials")) == 8
