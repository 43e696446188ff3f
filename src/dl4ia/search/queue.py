"""Trials wait in a queue in the database, and a worker takes the next one.

While it trains, it records a heartbeat. A trial whose heartbeat has stopped is failed and queued again, with the same
parameters; it stays the same trial to who counts.
"""

from collections.abc import Iterable
from datetime import datetime

import optuna
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from dl4ia.config import Point, Study
from dl4ia.runs import Layout
from dl4ia.search.storage import HEARTBEAT, lock_of


def enqueue(study: Study, found: optuna.Study, layout: Layout, trials: int) -> None:
    """Queue trials until there are `trials`: the next points of a grid, or such as the sampler will choose."""
    points: list[Point] = list(study.grid()) if study.sampler.kind == "grid" else [{}] * trials
    with lock_of(layout):
        for point in points[len(_roots(found.get_trials(deepcopy=False))) : trials]:
            found.enqueue_trial(dict(point))


def adopt(found: optuna.Study, adopted: set[int]) -> None:
    """Give each running trial a heartbeat, once: one that was killed before its first would never be missed.

    The numbers of those that got one are added to `adopted`.
    """
    storage = found._storage  # noqa: SLF001 (Optuna has no other way to its heartbeats)
    assert isinstance(storage, BaseHeartbeat)
    for trial in found.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        assert trial.datetime_start is not None
        age = (datetime.now() - trial.datetime_start).total_seconds()  # noqa: DTZ005 (as Optuna writes it)
        if trial.number not in adopted and age > HEARTBEAT:
            storage.record_heartbeat(trial._trial_id)  # noqa: SLF001
            adopted.add(trial.number)


def finished(found: optuna.Study) -> int:
    """Return how many trials have come to an end; one that was queued again counts once."""
    return len(_ended(found.get_trials(deepcopy=False)))


def open_trials(found: optuna.Study, wanted: int) -> tuple[bool, bool]:
    """Return whether a trial waits that is among those `wanted`, and whether any is running."""
    trials = found.get_trials(deepcopy=False)
    running = sum(trial.state == TrialState.RUNNING for trial in trials)
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    return waiting and len(_ended(trials)) + running < wanted, running > 0


def _root(trial: FrozenTrial) -> int:
    """Return the number of the trial that this one repeats, or its own."""
    first = RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
    return trial.number if first is None else first


def _roots(trials: Iterable[FrozenTrial]) -> set[int]:
    return {_root(trial) for trial in trials}


def _ended(trials: list[FrozenTrial]) -> set[int]:
    return _roots(trials) - _roots(trial for trial in trials if not trial.state.is_finished())
