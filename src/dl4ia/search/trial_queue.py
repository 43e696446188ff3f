"""Trials wait in a queue in the database, and a worker that holds its lock takes the next one.

While it trains, it records a heartbeat. A trial whose process has ended is failed, as is one that is asked to stop:
both are dropped, and queued again with the same parameters. However often it is repeated, it counts as one trial.
"""

import copy
from collections.abc import Iterable, Sequence
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from dl4ia.config import Point, Study
from dl4ia.execution.processes import is_gone, this_process
from dl4ia.search.samplers import root_trial_number
from dl4ia.search.storage import StoredStudy

_RETRIES = 30  # of a trial that is dropped each time: it may be what kills its workers


def enqueue(study: Study, known: Sequence[Point], stored: optuna.Study) -> None:
    """Queue trials until there are as many as wanted: the next `known` points, or such as the sampler will choose."""
    points: Sequence[Point] = known or [{}] * study.trials
    for point in points[len(_roots(stored.get_trials(deepcopy=False))) : study.trials]:
        stored.enqueue_trial(dict(point))


def claim(stored: StoredStudy, trial: optuna.Trial) -> None:
    """Note which process runs a trial that was just taken; only then may the lock be released."""
    stored.ensure_heartbeat(trial)
    trial.set_user_attr("process", this_process())


def fail_abandoned(stored: optuna.Study) -> None:
    """Fail the running trials whose process has ended: at once on this machine, by their heartbeat on others.

    A trial without a process was taken by one that ended before it had released the lock.
    """
    fail_stale_trials(stored)
    for trial in stored.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        process = trial.user_attrs.get("process")
        if process is None or is_gone(process):
            with suppress(UpdateFinishedTrialError):  # what it wrote last arrived just now
                stored.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def requeue_dropped(study: Study, stored: optuna.Study) -> None:
    """Queue the trials again that were dropped, by whomever, and that nothing repeats yet.

    Each has the point of its first attempt. One that ended while its point was drawn draws it anew, as a whole: the
    random numbers of the parts that it lacks would be those of the parts that it has.
    """
    for trial in _dropped(stored.get_trials(deepcopy=False)):
        repeated = copy.deepcopy(trial)
        repeated.user_attrs = {}  # process and curves are of the earlier attempt
        if repeated.params.keys() != study.space.keys():
            repeated.params, repeated.distributions = {}, {}
        RetryHeartbeatStaleTrialCallback()(stored, repeated)


def finished_count(trials: Sequence[FrozenTrial]) -> int:
    """Return how many trials have come to an end; one that was queued again counts once."""
    return len(_ended(trials))


def open_trials(trials: Sequence[FrozenTrial], wanted: int) -> tuple[bool, bool]:
    """Return whether a trial waits that is among those `wanted`, and whether any is running."""
    running = sum(trial.state == TrialState.RUNNING for trial in trials)
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    return waiting and len(_ended(trials)) + running < wanted, running > 0


def _roots(trials: Iterable[FrozenTrial]) -> set[int]:
    return {root_trial_number(trial) for trial in trials}


def _ended(trials: Sequence[FrozenTrial]) -> set[int]:
    unfinished = [trial for trial in trials if not trial.state.is_finished()]
    return _roots(trials) - _roots(unfinished) - _roots(_dropped(trials))


def _dropped(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
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
