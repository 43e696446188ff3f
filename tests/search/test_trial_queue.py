"""What happens to trials whose process was killed, slept, or works elsewhere."""

import platform
import time

import optuna
import pytest
import sqlalchemy
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from dl4ia.config import Choices
from dl4ia.config.studies import Random, Tpe
from dl4ia.execution.processes import this_process
from dl4ia.runs.experiment import fit_network
from dl4ia.search.samplers import root_trial_number
from dl4ia.search.storage import GRACE, default_url, join_study, open_study
from dl4ia.search.trial_queue import claim, enqueue, fail_abandoned, finished_count, open_trials, requeue_dropped
from tests.search.conftest import POINT, small

ENDED = f"{platform.node()}/4194305/1.0"  # a number above those of all processes of Linux
pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")  # trials are taken without running
STATES = {"failed": TrialState.FAIL, "running": TrialState.RUNNING}


@pytest.fixture
def two(grid):
    """The first two points of the grid."""
    return small(grid, trials=2)


@pytest.fixture
def stored(two, layout):
    """The study of two trials, queued."""
    stored = open_study("study", two, layout, default_url(layout))
    enqueue(two, list(two.grid()), stored.study)
    return stored


def beat(stored, seconds_ago: float) -> None:
    """Change when the last heartbeats were."""
    with stored.storage.engine.begin() as connection:
        moment = f"datetime('now', '-{seconds_ago} seconds')"
        connection.execute(sqlalchemy.text(f"UPDATE trial_heartbeats SET heartbeat = {moment}"))


def drawn(study, trial: optuna.Trial, parts: int | None = None) -> dict:
    """Draw a point, or only some of it, as the objective does."""
    return {key: trial.suggest_categorical(key, study.space[key].choices) for key in list(study.space)[:parts]}


def run_elsewhere(stored, process: str) -> optuna.Trial:
    """Take a trial as a worker with that identity does."""
    trial = stored.study.ask()
    claim(stored, trial)
    trial.set_user_attr("process", process)
    return trial


def test_a_trial_whose_worker_was_killed_as_it_took_it_is_repeated_at_once(two, stored, search):
    stored.study.ask()  # and no more
    trials = search(two).table("trials")
    assert trials["state"].tolist() == ["failed", "complete", "complete"]
    assert trials.loc[0, "error"] == "interrupted"
    complete = trials[trials["state"] == "complete"]
    assert sorted(map(tuple, complete[POINT].to_numpy())) == [("l2", 0.0), ("l2", 0.001)]


@pytest.mark.field("optuna/optuna#6283", "after a crash the interrupted trial is not repeated")
def test_a_trial_whose_process_has_ended_is_repeated_at_once(two, stored, search):
    run_elsewhere(stored, ENDED)
    assert search(two).table("trials")["state"].tolist() == ["failed", "complete", "complete"]


@pytest.mark.parametrize(("silent", "state"), [(GRACE + 1, "failed"), (GRACE - 60, "running")])
@pytest.mark.field("optuna/optuna#3215", "trials of a job that the cluster has killed have to be removed by hand")
def test_a_trial_of_another_machine_is_failed_once_its_heartbeat_has_stopped(stored, silent, state):
    trial = run_elsewhere(stored, "elsewhere/1/1.0")
    beat(stored, silent)
    fail_abandoned(stored.study)
    assert stored.trials[trial.number].state == STATES[state]


@pytest.mark.field("optuna/optuna#820", "database is locked")
def test_a_living_trial_may_wait_for_the_database_as_long_as_a_writer_waits(stored):
    busy = stored.storage.engine_kwargs["connect_args"]["timeout"]
    assert stored.storage.grace_period > 2 * busy + stored.storage.heartbeat_interval


@pytest.mark.field("optuna/optuna#2705", "an interrupted trial is resumed with other hyperparameters")
def test_a_dropped_trial_is_queued_once_with_its_parameters_and_without_its_attributes(two, stored):
    trial = run_elsewhere(stored, this_process())
    point = drawn(two, trial)
    stored.study.tell(trial, state=TrialState.FAIL)
    for _ in range(2):
        requeue_dropped(two, stored.study)
    assert [each.state for each in stored.trials] == [TrialState.FAIL, TrialState.WAITING, TrialState.WAITING]
    assert (stored.trials[2].params, stored.trials[2].user_attrs) == (point, {})


@pytest.mark.parametrize(
    "sampler", [Random(kind="random"), pytest.param(Tpe(kind="tpe", startup=2), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_a_trial_that_was_killed_while_its_point_was_drawn_is_repeated_at_that_point(params, layout, sampler, parts):
    keys, choices = ("optimizer.learning_rate", "regularization.strength", "network.width"), tuple(range(1, 100))
    space = {key: Choices(kind="choices", choices=choices) for key in keys}
    study = small(params.study("joint"), space=space, sampler=sampler, trials=2)
    stored = open_study("study", study, layout, default_url(layout))
    enqueue(study, [], stored.study)
    drawn(study, stored.study.ask())
    killed = stored.study.ask()
    drawn(study, killed, parts)
    stored.study.tell(killed, state=TrialState.FAIL)
    requeue_dropped(study, stored.study)
    repeated = drawn(study, stored.study.ask())
    sampler = join_study("study", study, default_url(layout)).study.sampler
    frozen = stored.trials[killed.number]
    sampler.before_trial(stored.study, frozen)
    expected = {
        key: sampler.sample_independent(stored.study, frozen, key, CategoricalDistribution(dimension.choices))
        for key, dimension in space.items()
    }
    assert repeated == expected


@pytest.mark.field("optuna/optuna#1641", "a preempted trial's parameters are never tried again, or for ever")
def test_a_trial_that_kills_every_worker_is_given_up(grid, layout, monkeypatch):
    monkeypatch.setattr("dl4ia.search.trial_queue._RETRIES", 2)
    one = small(grid, trials=1)
    stored = open_study("study", one, layout, default_url(layout))
    enqueue(one, list(one.grid()), stored.study)
    for attempt in range(3):
        assert finished_count(stored.trials) == 0
        assert root_trial_number(stored.trials[run_elsewhere(stored, ENDED).number]) == 0
        assert open_trials(stored.trials, 1) == (False, True)
        fail_abandoned(stored.study)
        requeue_dropped(one, stored.study)
        assert len(stored.trials) == min(attempt + 2, 3)
    assert {trial.state for trial in stored.trials} == {TrialState.FAIL}
    assert finished_count(stored.trials) == 1


def test_a_trial_that_was_given_to_another_while_this_process_slept_counts_once(two, search, layout, monkeypatch):
    def sleepy(*arguments):
        monkeypatch.setattr("dl4ia.search.score.fit_network", fit_network)
        stored = open_study("study", two, layout, default_url(layout))
        (running,) = stored.study.get_trials(states=(TrialState.RUNNING,))
        stored.study.tell(running.number, state=TrialState.FAIL)
        requeue_dropped(two, stored.study)
        return fit_network(*arguments)

    monkeypatch.setattr("dl4ia.search.score.fit_network", sleepy)
    trials = search(two).table("trials")
    assert trials["state"].tolist() == ["failed", "complete", "complete"]


def test_a_running_trial_of_another_process_is_waited_for(two, stored, search, monkeypatch):
    theirs, naps = run_elsewhere(stored, this_process()), []

    def nap(seconds):
        naps.append(seconds)
        for key, dimension in two.space.items():
            theirs.suggest_categorical(key, dimension.choices)
        stored.study.tell(theirs, 0.5, skip_if_finished=True)

    monkeypatch.setattr(time, "sleep", nap)
    search(two)
    assert naps
    assert [trial.state for trial in stored.trials] == [TrialState.COMPLETE] * 2
