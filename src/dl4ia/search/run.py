"""A study from its definition to its outcome: workers side by side, and files that anyone can read."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from optuna.trial import FrozenTrial

from dl4ia.base.errors import RunError
from dl4ia.config import Device, Study
from dl4ia.execution.executor import Executor
from dl4ia.runs.experiment import device_for
from dl4ia.runs.layout import Layout
from dl4ia.runs.provenance import provenance
from dl4ia.runs.schemas import StudyStatus
from dl4ia.search.outcome import best_of, write_best, write_importances, write_tables
from dl4ia.search.points import known_points
from dl4ia.search.storage import StoredStudy, database_errors, open_study
from dl4ia.search.trial_queue import enqueue, finished_count
from dl4ia.search.worker import Job, TrialProgress, work

_HOUR = 3600  # seconds
_COST = 20  # times what writing the tables took, at least, until they are written again: it takes 5 % of a core at most


@dataclass(frozen=True)
class SearchProgress:
    """How many trials of a study have ended, of how many, and the best value so far (NaN: none).

    `under_way` is the sum of what is done of the trials that this command runs; `new` says that a trial has ended since
    the last report.
    """

    ended: int
    trials: int
    best: float
    under_way: float = 0.0
    new: bool = True


def run_study(  # noqa: PLR0913
    name: str,
    study: Study,
    layout: Layout,
    url: str,
    executor: Executor,
    observe: Callable[[SearchProgress], None],
    device: Device = "auto",
) -> None:
    """Bring a study to its number of trials and write its outcome; the tables are rewritten as trials end.

    A study that was stopped is resumed, one that is complete is only written. `best.yaml` exists only while all trials
    have ended. Raises RunError for a database that is not available or has the study with another definition, when the
    time is up before all trials have ended, and if none is complete.
    """
    status = provenance(device_for(device)) | {"threads": 1, "workers": executor.workers}
    stored = open_study(name, study, layout, url)
    run = _Run(name, study, layout, stored, observe, StudyStatus(state="running", key=stored.key, **status))
    with database_errors(url):
        try:
            run.search(executor, device)
            run.write_outcome()
        except BaseException:
            run.write("stopped")
            raise
        shutil.rmtree(layout.checkpoints(stored.key), ignore_errors=True)
        run.write("finished")


@dataclass
class _Run:
    """One call of `run_study`."""

    name: str
    study: Study
    layout: Layout
    stored: StoredStudy
    observe: Callable[[SearchProgress], None]
    status: StudyStatus
    under_way: dict[int, float] = field(default_factory=dict)  # what is done of each trial
    progress: SearchProgress | None = None
    tables_due: float = 0.0  # time.monotonic() from which on they may be written again

    def search(self, executor: Executor, device: Device) -> None:
        """Run the trials that have not ended yet; raises RunError when the time is up."""
        with self.stored.lock():
            enqueue(self.study, known_points(self.study, self.layout), self.stored.study)
        self.write("running")
        if self.ended < self.study.trials:
            self.layout.study(self.name).best.unlink(missing_ok=True)
            deadline = self.status.started + self.study.hours * _HOUR
            job = Job(self.name, self.study, self.layout, self.stored.url, device, deadline)
            workers = min(executor.workers, self.study.trials - self.ended)
            executor.run(work, [job] * workers, self.note)
        if self.ended < self.study.trials:
            done = f"{self.ended} of {self.study.trials} trials are done"
            hours = f"{self.study.hours:g} hours are over"
            raise RunError(f"study {self.name!r}: {hours} and {done}: the same command continues")

    def note(self, event: TrialProgress | int) -> None:
        """Report what a worker says: that a trial gets on, or the number of one that has ended."""
        if isinstance(event, TrialProgress):
            self.under_way[event.number] = event.done
            if self.progress is not None:
                self.observe(replace(self.progress, under_way=sum(self.under_way.values()), new=False))
        else:
            self.under_way.pop(event, None)
            if time.monotonic() >= self.tables_due:
                self.write("running")
            else:
                self.report(self.stored.trials)

    def write_outcome(self) -> None:
        """Write what there is once all trials have ended."""
        directory = self.layout.study(self.name)
        write_best(self.stored.trials, self.name, self.study, directory)
        write_importances(self.stored.study, self.study, directory)

    def write(self, state: str) -> None:
        """Write status and tables, and report the progress."""
        started, trials = time.monotonic(), self.stored.trials
        directory = self.layout.study(self.name)
        directory.write_status(self.status.model_copy(update={"state": state}))
        write_tables(trials, self.study, directory)
        written = time.monotonic()
        self.tables_due = written + _COST * (written - started)
        self.report(trials)

    def report(self, trials: Sequence[FrozenTrial]) -> None:
        """Report how far the study is."""
        best = best_of(trials)
        value = math.nan if best is None or best.value is None else best.value
        under_way = sum(self.under_way.values())
        self.progress = SearchProgress(finished_count(trials), self.study.trials, value, under_way)
        self.observe(self.progress)

    @property
    def ended(self) -> int:
        """How many trials have ended, here or elsewhere."""
        return finished_count(self.stored.trials)
