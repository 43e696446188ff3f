"""Trials wait in a queue in the database, and a worker takes the next one.

While it trains, it records a heartbeat. A trial whose heartbeat has stopped is failed, as is one that is asked to stop;
both are dropped, and queued again with the same parameters. It stays the same trial to who counts.
"""

import copy
from collections.abc import Iterable
from datetime import datetime

import optuna
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from dl4ia.config import Point, Study
from dl4ia.runs import Layout
from dl4ia.search.samplers import first_of
from dl4ia.search.storage import HEARTBEAT, lock_of

_RETRIES = 30  # of a trial that is dropped each time: it may be what kills its workers


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


def queue_again(found: optuna.Study) -> None:
    """Queue the trials that were dropped, by whomever, and that nothing repeats yet."""
    for trial in _dropped(found.get_trials(deepcopy=False)):
        RetryHeartbeatStaleTrialCallback()(found, copy.deepcopy(trial))


def finished(found: optuna.Study) -> int:
    """Return how many trials have come to an end; one that was queued again counts once."""
    return len(_ended(found.get_trials(deepcopy=False)))


def open_trials(found: optuna.Study, wanted: int) -> tuple[bool, bool]:
    """Return whether a trial waits that is among those `wanted`, and whether any is running."""
    trials = found.get_trials(deepcopy=False)
    running = sum(trial.state == TrialState.RUNNING for trial in trials)
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    return waiting and len(_ended(trials)) + running < wanted, running > 0


def _roots(trials: Iterable[FrozenTrial]) -> set[int]:
    return {first_of(trial) for trial in trials}


def _ended(trials: list[FrozenTrial]) -> set[int]:
    return (
        _roots(trials) - _roots(trial for trial in trials if not trial.state.is_finished()) - _roots(_dropped(trials))
    )


def _dropped(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return those that failed without an error of their own, that nothing repeats, and that may be repeated."""
    histories = {trial.number: RetryHeartbeatStaleTrialCallback.retry_history(trial) for trial in trials}
    repeated = {number for history in histories.values() for number in history}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and "error" not in trial.user_attrs
        and trial.number not in repeated
        and len(histories[trial.number]) < _RETRIES
    ]
