"""Progress on the terminal: one bar a run or a study, nothing where the output is no terminal."""

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from tqdm import tqdm

from dl4ia.experiment import Experiment
from dl4ia.train import Progress

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class SearchProgress:
    """How far a study has come: trials that have ended, of how many, and the best value so far (NaN: none)."""

    ended: int
    trials: int
    best: float


class Bars:
    """Shows each experiment's iterations, loss, metric and time left."""

    def __init__(self) -> None:
        self._bars: dict[Path, tqdm[Never]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bar in self._bars.values():
            bar.close()

    def __call__(self, progress: Progress) -> None:
        """Move the bar of an experiment to its newest point, or say how it ended."""
        bar = self._bar(progress.experiment)
        if progress.point is not None:
            shown = {name.replace("/", " "): f"{value:.3f}" for name, value in progress.point.metrics.items()}
            bar.set_postfix(shown, refresh=False)
            bar.update(progress.point.step - bar.n)
        elif progress.experiment.run.status["state"] == "failed":
            tqdm.write(f"failed: {progress.experiment.run.status['error']}")

    def _bar(self, experiment: Experiment) -> "tqdm[Never]":
        path = experiment.run.path
        if path not in self._bars:
            self._bars[path] = tqdm(
                total=experiment.variant.settings.iterations,
                desc=f"{experiment.name}/seed-{experiment.seed}",
                unit="it",
                disable=None,
                position=len(self._bars),
            )
        return self._bars[path]


class TrialBar:
    """Shows how many trials of a study have ended, the best value so far, and the time left."""

    def __init__(self, name: str) -> None:
        self._bar: tqdm[Never] = tqdm(desc=name, unit="trial", disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, progress: SearchProgress) -> None:
        """Move the bar; the first call tells where an earlier one had stopped."""
        if self._bar.total is None:
            self._bar.total = progress.trials
            self._bar.initial = self._bar.n = progress.ended
        self._bar.set_postfix({"best": f"{progress.best:.3f}"}, refresh=False)
        self._bar.update(progress.ended - self._bar.n)
        self._bar.refresh()
