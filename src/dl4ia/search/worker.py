"""A process that takes trials from the queue until none is left."""

import time
from dataclasses import dataclass

import optuna
from optuna.storages import fail_stale_trials

from dl4ia.config import Study
from dl4ia.errors import StoppedError, UserError
from dl4ia.parallel import Emit, stopping
from dl4ia.runs import Layout
from dl4ia.search.objective import Objective
from dl4ia.search.queue import adopt, open_trials, queue_again
from dl4ia.search.storage import lock_of, open_study, said_in_one_line

_PATIENCE = 1  # seconds between two looks at trials that others are running

# What a trial may fail of while the study goes on; PyTorch's own errors, want of memory included, are RuntimeErrors.
_FAILURES = (UserError, RuntimeError, ValueError, MemoryError)


@dataclass(frozen=True)
class Work:
    """A study, where it is kept, and when to start no more trials (as time.time())."""

    name: str
    study: Study
    layout: Layout
    url: str
    deadline: float


def work(job: Work, emit: Emit) -> None:
    """Run trials until there are enough, emitting the name of the study whenever one has ended.

    Where the rest is in the hands of other processes it waits for them: what one of them drops is picked up. A trial
    that is asked to stop is dropped.
    """
    found = open_study(job.name, job.study, job.layout, job.url)
    objective = Objective(job.study, job.layout, found.user_attrs["key"])
    lock, adopted = lock_of(job.layout), set[int]()

    def tried(trial: optuna.Trial) -> float:
        lock.release()  # the trial is ours
        try:
            return objective(trial)
        except _FAILURES as error:
            trial.set_user_attr("error", f"{type(error).__name__}: {' '.join(str(error).split())}")
            raise

    with said_in_one_line(job.url):
        while time.time() < job.deadline and not stopping():
            try:
                lock.acquire()
                adopt(found, adopted)
                fail_stale_trials(found)
                queue_again(found)
                waiting, running = open_trials(found, job.study.trials)
                if waiting:
                    found.optimize(tried, n_trials=1, catch=_FAILURES, callbacks=[objective.forget])
                    emit(job.name)
            except StoppedError:
                return
            except (optuna.exceptions.UpdateFinishedTrialError, ValueError) as error:
                if not _taken_away(error):
                    raise
            finally:
                lock.release(force=True)
            if not waiting and not running:
                return
            if not waiting:
                time.sleep(_PATIENCE)


def _taken_away(error: Exception) -> bool:
    """Say whether this process slept so long that its trial was given to another: Optuna has no error of its own."""
    return isinstance(error, optuna.exceptions.UpdateFinishedTrialError) or str(error).startswith("Cannot tell a ")
