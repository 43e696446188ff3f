"""A tracker while runs are trained, and afterwards."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from filelock import Timeout
from tqdm import tqdm

from dl4ia.base.errors import UserError
from dl4ia.base.locks import file_lock
from dl4ia.base.working_copy import lasting
from dl4ia.config import Params
from dl4ia.execution.ticks import Ticks
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import experiments
from dl4ia.tasks import task_of
from dl4ia.tracking.runs import EnsembleView, RunView
from dl4ia.tracking.studies import StudyView
from dl4ia.tracking.tracker import OutageError, Tracker
from dl4ia.tracking.views import View

_LOG = logging.getLogger(__name__)

Connect = Callable[[Layout], Tracker]

_PATIENCE = 20  # seconds that a finished training waits for progress of its tracking
_PAUSE = 1  # seconds at least between two looks at what is new
_SHARE = 0.01  # of a core that trainings need: what following them may take
_TURN = 0.1  # seconds that a training's tracking has to take the lock, for which it looks twice as often
_LOCK_PATIENCE = 120  # seconds that another process may take for one view


def views(params: Params, layout: Layout) -> list[View]:
    """Return the views of everything on disk: runs, ensembles, then studies."""
    known: list[View] = [RunView(experiment) for experiment in experiments(params, list(params.variants), layout)]
    known += [EnsembleView(name, ensemble, layout) for name, ensemble in params.ensembles.items()]
    known += [StudyView(name, study, layout) for name, study in params.studies.items()]
    return [view for view in known if view.exists]


@dataclass(frozen=True)
class Champion:
    """The model of a task to use first, and the name under which it is registered."""

    name: str
    about: str
    run: RunView


def champions(params: Params, layout: Layout) -> list[Champion]:
    """Return the first seed of the champion of each task, as in the artifacts of dvc.yaml, where it was trained."""
    chosen = []
    for name, task in ((name, task_of(key)) for key, name in params.champions.items() if name in params.variants):
        first = experiments(params, [name], layout)[0]
        about = f"{task.title}: {name} ({first.variant.about}), chosen by its validation score."
        chosen.append(Champion(task.experiment, about, RunView(first)))
    return [champion for champion in chosen if champion.run.exists]


def mlflow(layout: Layout) -> Tracker:
    """Return MLflow; raises TrackerError."""
    from dl4ia.tracking.mlflow import connect  # noqa: PLC0415

    return connect(layout)


def publish(
    to_publish: Iterable[View], layout: Layout, connect: Connect = mlflow, *, register: Iterable[Champion] = ()
) -> int:
    """Bring a tracker up to date with all views, and print where to look; return how many were published.

    The champions in `register`, which are among the views, are registered. A view that fails does not keep the others
    from being shown. Raises UserError at the end, naming each that failed.
    """
    tracker = _connected(layout, connect)
    failures = _Failures()
    published = set()
    clock = Ticks()
    for view in tqdm(list(to_publish), "publishing", unit="run", disable=None, leave=False):
        if clock.due():
            time.sleep(_TURN)
        with failures.noting(view):
            _update(tracker, view, layout, final=True)
            published.add(view.name)
        if failures.outage:
            break
    for champion in register:
        if champion.run.name in published:
            with failures.noting(champion.run):
                (record,) = champion.run.records(final=False)
                tracker.register(champion.name, champion.about, record.key)
    for name, address in tracker.pages.items():
        print(f"{name}: {address}", flush=True)  # noqa: T201
    if failures:
        raise UserError(f"{len(published)} runs and studies were published, not these: {failures}")
    return len(published)


class _Failures:
    """What could not be shown, by reason; `outage` says that it is useless to continue."""

    def __init__(self) -> None:
        self.outage = False
        self._names: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def __str__(self) -> str:
        return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in self._names.items())

    @contextmanager
    def noting(self, view: View) -> Iterator[None]:
        """Keep the error of one view from the others, whatever it is."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            _LOG.debug("%s", view.name, exc_info=True)
            self.outage = isinstance(error, OutageError)
            name = f"{view.name} and all after it" if self.outage else view.name
            self._names.setdefault(_line_of(error), []).append(name)


def _connected(layout: Layout, connect: Connect) -> Tracker:
    with _exclusive_lock(layout):
        tracker = connect(layout)
        tracker.end_abandoned()
    return tracker


def _update(tracker: Tracker, view: View, layout: Layout, *, final: bool) -> None:
    with _exclusive_lock(layout):
        for record in view.records(final=final):
            tracker.update(record)


@contextmanager
def _exclusive_lock(layout: Layout) -> Iterator[None]:
    """Let one process of a working copy at a time look and add: two that miss something would both create it."""
    try:
        with file_lock(lasting(layout.root) / "mlflow.db.lock", _LOCK_PATIENCE):
            yield
    except Timeout as error:
        raise OutageError(f"{error.lock_file} is locked by another process: wait for it, or stop it") from error


def _line_of(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {' '.join(str(error).split())}"


class Live:
    """Shows runs in a tracker while they are trained: called with each view that has something new.

    A tracker that is not available costs nothing, one that is slow some seconds at the end; either is reported once.
    """

    def __init__(self, layout: Layout, connect: Connect = mlflow) -> None:
        self._layout, self._connect = layout, connect
        self._noticed: queue.SimpleQueue[View] = queue.SimpleQueue()
        self._ended, self._progress = threading.Event(), 0
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        before = -1
        while self._thread.is_alive() and self._progress > before:
            before = self._progress
            self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            _warn("the tracker takes too long: `make publish` sends the rest")

    def start(self) -> None:
        """Connect to the tracker, which takes seconds, unless that has begun; returns at once."""
        if self._thread.ident is None:
            self._thread.start()

    def __call__(self, view: View) -> None:
        """Note that a view has something new; returns at once."""
        self.start()
        self._noticed.put(view)

    def _work(self) -> None:
        failures = _Failures()
        try:
            tracker = _connected(self._layout, self._connect)
            # Models and pictures take seconds, and wait until no training is held up by that.
            for view in (self._follow(tracker) | self._changed()).values():
                if not failures.outage:
                    with failures.noting(view):
                        _update(tracker, view, self._layout, final=True)
                    self._progress += 1
        except Exception as error:  # noqa: BLE001 (nothing that tracking does may hurt a training)
            _warn(_line_of(error))
        if failures:
            _warn(str(failures))

    def _follow(self, tracker: Tracker) -> dict[str, View]:
        """Show what is new until the training has ended; return all views."""
        seen: dict[str, View] = {}
        pause = 0.0
        while not self._ended.wait(pause):
            started = time.thread_time()
            changed = self._changed()
            seen |= changed
            for view in changed.values():
                try:
                    _update(tracker, view, self._layout, final=False)
                except OutageError:
                    raise
                except UserError:  # its files may just be replaced; what is wrong in the end is reported then
                    continue
            pause = max(_PAUSE, (time.thread_time() - started) / _SHARE)
        return seen

    def _changed(self) -> dict[str, View]:
        """Return what is new, each view once."""
        changed: dict[str, View] = {}
        while not self._noticed.empty():
            view = self._noticed.get()
            changed[view.name] = view
        return changed


def _warn(message: str) -> None:
    _LOG.warning("not tracked, which changes nothing else: %s", message)
