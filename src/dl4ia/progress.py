"""Progress on the terminal: a bar for each run or study, nothing where the output is no terminal."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from tqdm import tqdm

if TYPE_CHECKING:
    from dl4ia.runs.train import Experiment, Progress
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

    def __call__(self, progress: "Progress") -> None:
        """Move the bar of a training to its newest point, or close it."""
        experiment, point = progress.experiment, progress.point
        run = experiment.name, experiment.seed
        if point is None:
            if run in self._bars:
                self._bars.pop(run).close()
            status = experiment.run.status()
            if status.state == "diverged":
                tqdm.write(f"{experiment.name}, seed {experiment.seed} diverged: {status.error}")
            return
        if run not in self._bars:
            self._bars[run] = self._opened(experiment)
        bar = self._bars[run]
        bar.start_t = time.time() - point.seconds
        bar.set_postfix_str(_newest(point.metrics), refresh=False)
        bar.n = point.step
        bar.refresh()

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


class StudyBar:
    """How many trials of a study have ended, the best value so far, and the time left."""

    def __init__(self, name: str) -> None:
        self._bar: tqdm[Never] = tqdm(desc=name, unit="trial", disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, progress: "SearchProgress") -> None:
        """Move the bar; the first call says where an earlier search had stopped."""
        if self._bar.total is None:
            self._bar.total = progress.trials
            self._bar.initial = self._bar.n = progress.ended
        self._bar.set_postfix_str(f"best {progress.best:.3f}", refresh=False)
        self._bar.update(progress.ended - self._bar.n)
        self._bar.refresh()


def _newest(metrics: dict[str, float]) -> str:
    """Return the metric that counts: of the validation images if there are some, the score before the loss."""
    name = max(metrics, key=lambda name: (name.startswith("validation/"), not name.endswith("/loss")))
    return f"{name.replace('/', ' ')} {metrics[name]:.3f}"
