"""Studies as records: one of the study, with its best value so far, and one of each trial that has ended."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dl4ia.analysis.searches import networks_of
from dl4ia.config import Study, flat
from dl4ia.runs.layout import Layout
from dl4ia.runs.schemas import StudyStatus, damaged
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.tasks import Task, task_of
from dl4ia.tracking.records import Group, Record, State, curves
from dl4ia.tracking.views import state_of

_STATES: dict[str, State] = {"complete": "finished", "pruned": "pruned", "failed": "failed"}


@dataclass(frozen=True)
class StudyView:
    """One study."""

    name: str
    study: Study
    layout: Layout

    @property
    def exists(self) -> bool:
        """Whether the search has begun."""
        return (self._directory.path / "status.json").exists()

    def records(self, *, final: bool) -> list[Record]:
        """Read the study and its trials."""
        status, trials = self._directory.status(), self._directory.table("trials")
        if unknown := set(trials["state"]) - _STATES.keys():
            what = f"column 'state': got {unknown.pop()!r}, expected {', '.join(_STATES)}"
            raise damaged(self._directory.results / "trials.csv", what, self._directory.results)
        points = self._directory.table("curves")
        trained = networks_of(self.name, self.study, self._directory).groupby("trial")["trained"].mean()
        parent = self._parent(status, trials, final=final)
        rows = trials.to_dict("records")
        return [parent, *(self._trial(parent, row, points, trained.get(row["trial"])) for row in rows)]

    @property
    def _directory(self) -> StudyDirectory:
        return self.layout.study(self.name)

    @property
    def _task(self) -> Task:
        return task_of(self.study.task)

    @property
    def _score(self) -> str:
        return f"final/validation_{self._task.metric}"

    def _parent(self, status: StudyStatus, trials: pd.DataFrame, *, final: bool) -> Record:
        task, state = self._task, state_of(status.state, status.process)
        about = f"{task.title}: a run for each study, under it one for each trial."
        description = flat(self.study.model_dump(mode="json", exclude={"about", "space", "base"}))
        space = {f"space.{key}": dimension.description for key, dimension in self.study.space.items()}
        ended = (trials["started"] + trials["seconds"]).max()
        return Record(
            key=status.key,
            group=Group(f"{task.experiment}-search", about, (self._score, "curve/best_value")),
            name=self.name,
            about=self.study.about,
            state=state,
            # A later search that found nothing left to do has noted its own start.
            started=float(min([status.started, *trials["started"].dropna()])),
            ended=None if state == "running" or pd.isna(ended) else float(ended),
            tags={"study": self.name, "task": task.name, "machine": status.machine},
            params={name: str(value) for name, value in (description | space).items()},
            command=f"dl4ia search {self.name}",
            git_commit=status.git_commit,
            process=status.process,
            points=_best_so_far(trials),
            files=self._files() if final and state != "running" else {},
        )

    def _files(self) -> dict[str, bytes]:
        folder = self._directory.results
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in {".csv", ".yaml"}}

    def _trial(
        self, parent: Record, row: Mapping[Hashable, Any], points: pd.DataFrame, trained: float | None
    ) -> Record:
        """Return the record of a trial that has ended; its curves are means over the folds.

        A complete one also has the share of its networks that `trained`: its score is the mean over all of them.
        """
        started = parent.started if pd.isna(row["started"]) else float(row["started"])
        ended = started if pd.isna(row["seconds"]) else started + float(row["seconds"])
        of_trial = points[points["trial"] == row["trial"]].drop(columns=["trial", "fold"])
        cells = {key: row[key] for key in self.study.space if pd.notna(row[key])}
        known = {key: self.study.space[key].value_of(cell) for key, cell in cells.items()}
        point = {key: cells[key] if value is None else value for key, value in known.items()}
        params = {"study": self.name, "seed": self.study.seed, **self._settings(point)}
        final = {} if pd.isna(row["value"]) else {self._score: row["value"], "trained": trained}
        return Record(
            key=f"{parent.key}/{row['trial']}",
            parent=parent.key,
            group=parent.group,
            name=f"{self.name}/trial-{row['trial']}",
            about="",
            state=_STATES[row["state"]],
            started=started,
            ended=ended,
            error=None if pd.isna(row["error"]) else str(row["error"]),
            tags={"study": self.name, "task": self.study.task, "trial": str(row["trial"])},
            params={name: str(value) for name, value in params.items()},
            command=parent.command,
            git_commit=parent.git_commit,
            points=curves(of_trial.groupby("step", as_index=False).mean(), started),
            metrics={name: float(value) for name, value in final.items() if value is not None},
        )

    def _settings(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a trial; of one without a complete point, or of another space, those in the table."""
        if len(point) < len(self.study.space):
            return dict(point)
        try:
            return flat(self.study.variant(point).settings.deciding)
        except ValueError:
            return dict(point)


def _best_so_far(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the value of each complete trial and the best so far; `step` counts the trials that have ended by then."""
    ended = trials.assign(time=trials["started"] + trials["seconds"])
    ended = ended.sort_values("time", kind="stable", ignore_index=True)
    ended = ended.assign(step=ended.index + 1).dropna(subset=["value", "time"])
    values = {"curve/best_value": ended["value"].cummax(), "curve/value": ended["value"]}
    return ended[["step", "time"]].assign(**values)
