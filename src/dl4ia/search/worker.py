"""A process that takes trials from the queue until none is left."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from dl4ia.base.errors import ConfigError, DivergedError, StoppedError
from dl4ia.config import Device, Study
from dl4ia.execution.executor import Context
from dl4ia.runs.datasets import load_partition
from dl4ia.runs.experiment import device_for
from dl4ia.runs.layout import Layout
from dl4ia.search.objective import Objective
from dl4ia.search.score import splits_of
from dl4ia.search.storage import StoredStudy, database_errors, join_study
from dl4ia.search.trial_queue import claim, fail_abandoned, open_trials, requeue_dropped
from dl4ia.tasks import task_of

_PAUSE = 1  # seconds between two looks at trials that others are running

# What is a result of a trial's point; PyTorch's own errors, lack of memory included, are RuntimeErrors.
_FAILURES = (DivergedError, ConfigError, RuntimeError, ValueError, MemoryError)
_TAKEN_AWAY = (UpdateFinishedTrialError, ValueError, AssertionError)  # Optuna's, when another process ended the trial


@dataclass(frozen=True)
class Job:
    """A study, where it is kept, and when to start no more trials (as time.time())."""

    name: str
    study: Study
    layout: Layout
    url: str
    device: Device
    deadline: float


@dataclass(frozen=True)
class TrialProgress:
    """Which part of a trial is done, 0 to 1."""

    number: int
    done: float


def work(job: Job, context: Context) -> None:
    """Run trials until there are enough; emit the number of each that has ended, and TrialProgress every second.

    While other processes run the rest, wait for them: a trial that one of them drops is run here. A trial that is asked
    to stop is dropped. Raises RunError, DataError, and any error of a trial that is no result of its point.
    """
    with database_errors(job.url), suppress(StoppedError):
        worker = _Worker(job, context)
        while time.time() < job.deadline and not context.stopping():
            ran, others = worker.run_next()
            if not ran and not others:
                return
            if not ran:
                time.sleep(_PAUSE)


class _Worker:
    def __init__(self, job: Job, context: Context) -> None:
        self._job, self._context = job, context
        self._stored = join_study(job.name, job.study, job.url)
        self._objective = _objective(job, context, self._stored)

    def run_next(self) -> tuple[bool, bool]:
        """Run the trial that waits, if any; return whether there was one, and whether others were running."""
        with ExitStack() as lock:
            lock.enter_context(self._stored.lock())
            fail_abandoned(self._stored.study)
            requeue_dropped(self._job.study, self._stored.study)
            waiting, running = open_trials(self._stored.trials, self._job.study.trials)
            if waiting:
                self._context.emit(self._run(lock.close))
        return waiting, running

    def _run(self, release: Callable[[], None]) -> int:
        """Take and run a trial, releasing the lock once it is taken; return its number."""
        number = -1

        def run(trial: optuna.Trial) -> float:
            nonlocal number
            number = trial.number
            claim(self._stored, trial)
            release()
            try:
                return self._objective(trial)
            except _FAILURES as error:
                trial.set_user_attr("error", f"{type(error).__name__}: {' '.join(str(error).split())}")
                raise

        callbacks = [self._objective.remove_checkpoints]
        try:
            self._stored.study.optimize(run, n_trials=1, catch=_FAILURES, callbacks=callbacks)
        except _TAKEN_AWAY:  # this process slept so long that it counted as ended, and another one repeats the trial
            if number < 0 or not self._stored.trials[number].state.is_finished():
                raise
        return number


def _objective(job: Job, context: Context, stored: StoredStudy) -> Objective:
    images = load_partition(job.layout, task_of(job.study.task), "train")
    splits = splits_of(job.study, images, job.layout.split(job.study.task, job.study.objective.strategy))
    folder = job.layout.checkpoints(stored.key)

    def report(number: int, done: float) -> None:
        context.emit(TrialProgress(number, done))

    return Objective(job.study, images, splits, device_for(job.device), folder, context.stopping, report)
