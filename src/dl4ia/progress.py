"""Progress on the terminal: a bar for each run or study, nothing where the output is no terminal."""

import math
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from tqdm import tqdm

from dl4ia.report import names

if TYPE_CHECKING:
    from dl4ia.runs.evaluate import Measured
    from dl4ia.runs.train import Experiment, Moved, Progress
    from dl4ia.search.run import SearchProgress

_BAR = "{desc} {percentage:3.0f}% {bar} {postfix} [{elapsed}<{remaining}]"  # on 80 columns too


@dataclass
class RunBars:
    """A bar for each training that is under way: the part that is done, its newest metric, time taken and left.

    Times are the training's own, so that a resumed one continues its clock. The bar closes when the training ends.
    """

    _bars: "dict[tuple[str, int], tqdm[Never]]" = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bar in self._bars.values():
            bar.close()

    def at_point(self, progress: "Progress") -> None:
        """Move the bar of a training to its newest point, or close it."""
        experiment, point = progress.experiment, progress.point
        if point is not None:
            self._bar_of(experiment).set_postfix_str(_newest(point.metrics), refresh=False)
            self._move(experiment, point.step, point.seconds)
            return
        run = experiment.name, experiment.seed
        if run in self._bars:
            self._bars.pop(run).close()
        status = experiment.run.status()
        if status.state == "diverged":
            tqdm.write(f"{experiment.name}, seed {experiment.seed} diverged: {status.error}")

    def between_points(self, moved: "Moved") -> None:
        """Move the bar of a training that is between two points."""
        self._move(moved.experiment, moved.step, moved.seconds)

    def _move(self, experiment: "Experiment", step: int, seconds: float) -> None:
        bar = self._bar_of(experiment)
        bar.start_t, bar.n = time.time() - seconds, step
        bar.refresh()

    def _bar_of(self, experiment: "Experiment") -> "tqdm[Never]":
        run = experiment.name, experiment.seed
        if run not in self._bars:
            self._bars[run] = self._opened(experiment)
        return self._bars[run]

    def _opened(self, experiment: "Experiment") -> "tqdm[Never]":
        taken = {-bar.pos for bar in self._bars.values()}
        return tqdm(
            total=experiment.variant.settings.iterations,
            desc=f"{experiment.name} {experiment.seed}",
            bar_format=_BAR,
            position=next(line for line in range(len(taken) + 1) if line not in taken),
            smoothing=0,  # the time left by the mean speed so far: points are far apart
            disable=None,
        )


class _OneBar:
    """A bar until the end of a `with`."""

    def __init__(self, description: str, *, leave: bool) -> None:
        self._bar: tqdm[Never] = tqdm(desc=description, bar_format=_BAR, disable=None, leave=leave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


class StudyBar(_OneBar):
    """How many trials of a study have ended, the best value so far, and the time left.

    The bar also moves while trials are under way.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, leave=True)

    def __call__(self, progress: "SearchProgress") -> None:
        """Move the bar; the first call says where an earlier search had stopped."""
        if self._bar.total is None:
            self._bar.total = progress.trials
            self._bar.initial = progress.ended
        best = "" if math.isnan(progress.best) else f", best {progress.best:.3f}"
        self._bar.set_postfix_str(f"{progress.ended} of {progress.trials} trials{best}", refresh=False)
        self._bar.n = progress.ended + progress.under_way
        self._bar.refresh()


class EvaluationBar(_OneBar):
    """How many runs of a variant have been measured."""

    def __init__(self, name: str) -> None:
        super().__init__(f"measuring {name}", leave=False)
        self._done: dict[int, float] = {}

    def __call__(self, measured: "Measured") -> None:
        """Move the bar after a part of a run has been measured."""
        self._done[measured.seed] = measured.done
        self._bar.total, self._bar.n = measured.runs, sum(self._done.values())
        ended = sum(done == 1 for done in self._done.values())
        self._bar.set_postfix_str(f"{ended} of {measured.runs} runs", refresh=False)
        self._bar.refresh()


def _newest(metrics: dict[str, float]) -> str:
    """Return the metric that counts: of the validation images if there are some, the score before the loss."""
    name = max(metrics, key=lambda name: (name.startswith("validation/"), not name.endswith("/loss")))
    part, _, metric = name.partition("/")
    return f"{names.part(part)} {names.score(metric)} {metrics[name]:.3f}"
