"""MLflow while runs are being trained, and afterwards."""

import logging
import queue
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from dl4ia.config import Params
from dl4ia.errors import UserError
from dl4ia.experiment import experiments
from dl4ia.runs import Layout
from dl4ia.tracking.client import View, connect, end_abandoned, line_of, uri_of
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.studies import StudyView

_PATIENCE = 20  # seconds that a finished training waits for its tracking


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
    """Shows runs in MLflow while they are being trained; a server that is gone is said once, and costs nothing."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._noticed: queue.SimpleQueue[View | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._noticed.put(None)
        self._thread.join(_PATIENCE)

    def __call__(self, view: View) -> None:
        """Note that there is something new to show; returns at once."""
        self._noticed.put(view)

    def _work(self) -> None:
        try:
            client = connect(self._layout)
            end_abandoned(client)
            seen: dict[Path, View] = {}
            while changed := self._next():
                seen |= changed
                for view in changed.values():
                    view.follow(client)
            # Models and pictures take seconds, and wait until no training is held up by that.
            for view in seen.values():
                view.publish(client)
        except Exception as error:  # noqa: BLE001 (nothing that tracking does may hurt a training)
            message = "MLflow at %s is gone (%s): the runs go on, `make publish` catches up"
            logging.getLogger(__name__).warning(message, uri_of(self._layout), line_of(error))

    def _next(self) -> dict[Path, View]:
        """Wait for something new; return what changed, each run once, or nothing at the end."""
        noticed = [self._noticed.get()]
        while noticed[-1] is not None and not self._noticed.empty():
            noticed.append(self._noticed.get())
        changed = {view.path: view for view in noticed if view is not None}
        if noticed[-1] is None and changed:
            self._noticed.put(None)
        return changed
