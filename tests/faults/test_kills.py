"""SIGKILL: once to a training, whose workers end with it; at random moments in `make test-all`.

`tests/search/test_processes.py` has the killed worker of a search.
"""

import os
import signal

import pytest

from dl4ia import config
from dl4ia.execution.worker import set_up_torch
from dl4ia.runs.train import experiments, train_all
from tests.faults import scenarios
from tests.faults.kills import slow_disk
from tests.runs.inline import Inline
from tests.workspaces import alive, differing, family, wait_until

ITERATIONS = 20  # and as many points, each of which takes a slow disk 0.2 s: the first checkpoint comes after 2 s


def train_here(workspace) -> None:
    """Train as the command does, but in this process, which has loaded PyTorch."""
    params = config.load(workspace.root / "params.yaml", workspace.root)
    set_up_torch(1)
    train_all(experiments(params, [scenarios.VARIANT], workspace.layout), Inline(), lambda _: None)


@pytest.mark.field("nyu-mll/jiant#169", "a crash while a checkpoint is saved leaves one that nothing resumes from")
def test_a_killed_training_is_resumed_by_the_same_command_to_the_bit(base, tmp_path):
    scenario = scenarios.training(base, ITERATIONS, seeds=1, width=2)
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


@pytest.mark.system
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(lambda base: scenarios.training(base, 100), id="training"),
        pytest.param(lambda base: scenarios.search(base, 10), id="search"),
    ],
)
@pytest.mark.field("vllm-project/speculators#739", "killed while it saves, a training resumes from half a checkpoint")
def test_what_is_killed_at_random_moments_is_finished_by_the_same_command(scenario, base, tmp_path):
    fault = scenario(base).run(tmp_path, kills=2, seed=0)
    assert (fault.tried, fault.survived, fault.points_lost) == (2, 2, 0), fault.note
