"""MLflow while runs are being trained, and afterwards."""

import logging
import queue
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from dl4ia.config import Params
from dl4ia.errors import UserError
from dl4ia.experiment import experiments
from dl4ia.runs import Layout
from dl4ia.tracking.client import View, alone, connect, end_abandoned, line_of, uri_of
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.studies import StudyView

_PATIENCE = 10  # seconds that a finished training waits for its tracking to get on
_PAUSE = 1  # seconds at least between two looks at what is new
_SHARE = 0.01  # of a core that trainings need: what following them may take


def views(params: Params, layout: Layout) -> list[View]:
    """Return all on disk that there is to show: runs, then studies."""
    shown: list[View] = [
        RunView(experiment)
        for name, variant in params.variants.items()
        for experiment in experiments(name, variant, layout)
    ]
    shown += [StudyView(name, study, layout) for name, study in params.studies.items()]
    return [view for view in shown if (view.path / "status.json").exists()]


def publish(shown: Iterable[View], layout: Layout) -> int:
    """Show them in MLflow; return how many. Raises UserError if MLflow cannot be had."""
    count = 0
    try:
        client = connect(layout)
        end_abandoned(client)
        for view in shown:
            with alone(layout):
                view.publish(client)
            count += 1
    except UserError:
        raise
    except Exception as error:  # whatever a server, a database or a disk can do wrong
        raise UserError(
            f"MLflow at {uri_of(layout)} did not take it all ({line_of(error)}): `make publish` sends the rest later"
        ) from error
    return count


class Live:
    """Shows runs in MLflow while they are being trained.

    A server that is gone costs nothing, and one that is slow some seconds at the end; either is said once.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._noticed: queue.SimpleQueue[View] = queue.SimpleQueue()
        self._ended, self._published = threading.Event(), 0
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        before = -1
        while self._thread.is_alive() and self._published > before:
            before = self._published
            self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            message = "MLflow at %s takes too long: `make publish` sends the rest"
            logging.getLogger(__name__).warning(message, uri_of(self._layout))

    def __call__(self, view: View) -> None:
        """Note that there is something new to show; returns at once."""
        self._noticed.put(view)

    def _work(self) -> None:
        try:
            client = connect(self._layout)
            end_abandoned(client)
            seen: dict[Path, View] = {}
            pause = 0.0
            while not self._ended.wait(pause):
                started = time.thread_time()
                changed = self._changed()
                seen |= changed
                for view in changed.values():
                    with alone(self._layout):
                        view.follow(client)
                pause = max(_PAUSE, (time.thread_time() - started) / _SHARE)
            # Models and pictures take seconds, and wait until no training is held up by that.
            for view in (seen | self._changed()).values():
                with alone(self._layout):
                    view.publish(client)
                self._published += 1
        except Exception as error:  # noqa: BLE001 (nothing that tracking does may hurt a training)
            message = "MLflow at %s is gone (%s): the runs go on, `make publish` catches up"
            logging.getLogger(__name__).warning(message, uri_of(self._layout), line_of(error))

    def _changed(self) -> dict[Path, View]:
        """Return what is new, each run once."""
        changed: dict[Path, View] = {}
        while not self._noticed.empty():
            view = self._noticed.get()
            changed[view.path] = view
        return changed
