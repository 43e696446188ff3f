"""SIGKILL: once to a training and once to a worker of a search; at random moments in `make test-all`."""

import multiprocessing
import os
import signal

import optuna
import pytest

from dl4ia import config
from dl4ia.base.errors import RunError
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.train import experiments, train_all
from dl4ia.search.storage import default_url
from tests.faults import scenarios, studies
from tests.faults.kills import slow_disk
from tests.runs.inline import Inline
from tests.workspaces import alive, differing, family, wait_until

ITERATIONS = 20  # and as many points, each of which takes a slow disk 0.2 s: the first checkpoint comes after 2 s


def train_here(workspace) -> None:
    """Train as the command does, in a worker of this process."""
    params = config.load(workspace.root / "params.yaml", workspace.root)
    train_all(experiments(params, [scenarios.VARIANT], workspace.layout), LocalProcesses(1), lambda _: None)


def test_a_killed_training_is_resumed_by_the_same_command_to_the_bit(base, tmp_path):
    scenario = scenarios.training(base, ITERATIONS, seeds=1)
    workspace, undisturbed = scenario.make(tmp_path / "killed"), scenario.make(tmp_path / "undisturbed")
    process = workspace.start(*scenario.command, **scenarios.ALONE, **slow_disk(workspace, "history.csv"))
    assert wait_until(lambda: any(workspace.root.glob("out/checkpoints/*/*.checkpoint")), 60)
    processes = family(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert wait_until(lambda: not alive(processes), 10)
    run = workspace.layout.run(scenarios.VARIANT, 0)
    assert run.status().state == "running"
    train_here(workspace)
    assert run.status().state == "finished"
    assert 0 < run.status().resumed_at < ITERATIONS
    train_here(undisturbed)
    assert len(undisturbed.results()) == 21  # points and weights
    assert differing(workspace.results(), undisturbed.results()) == 0


def test_the_trial_of_a_killed_worker_is_repeated_and_the_study_is_the_same(base, tmp_path):
    searched, undisturbed = studies.make(base, tmp_path / "killed"), studies.make(base, tmp_path / "undisturbed")

    def kill_a_worker(progress) -> None:
        for worker in multiprocessing.active_children()[: progress.ended == 2]:
            worker.kill()

    with pytest.raises(RunError, match="killed"):
        studies.search(searched.layout, LocalProcesses(1), kill_a_worker)
    assert searched.layout.study(studies.NAME).status().state == "stopped"
    studies.search(searched.layout, LocalProcesses(1))
    studies.search(undisturbed.layout, Inline())
    assert len(undisturbed.results()) == studies.TRIALS
    assert differing(searched.results(), undisturbed.results()) == 0
    stored = optuna.load_study(study_name=studies.NAME, storage=default_url(searched.layout))
    assert "RUNNING" not in {trial.state.name for trial in stored.trials}


@pytest.mark.system
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(lambda base: scenarios.training(base, 100), id="training"),
        pytest.param(lambda base: scenarios.search(base, 10), id="search"),
    ],
)
def test_what_is_killed_at_random_moments_is_finished_by_the_same_command(scenario, base, tmp_path):
    fault = scenario(base).run(tmp_path, kills=2, seed=0)
    assert (fault.tried, fault.survived, fault.points_lost) == (2, 2, 0), fault.note
