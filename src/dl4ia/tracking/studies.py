"""A study, shown in MLflow: one run of its own, and under it a run for each trial that has ended."""

import json
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dl4ia import files
from dl4ia.config import Study, flat
from dl4ia.experiment import TASKS
from dl4ia.provenance import is_gone, this_process
from dl4ia.runs import Layout, StudyDirectory
from dl4ia.tracking.client import ALL, PROCESS, experiment_id, find, mark_running, milliseconds, only, send, send_curves

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_STATES = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_SCORE = f"final/validation/{TASKS['warwick'].metric}"  # as for a variant: measured once, at the end
_SENT = "sent"  # the tag of a trial of which all is there


@dataclass(frozen=True)
class StudyView:
    """One study."""

    name: str
    study: Study
    layout: Layout

    @property
    def path(self) -> Path:
        """The study directory."""
        return self._directory.path

    def follow(self, client: "MlflowClient") -> "Run":
        """Show the trials that have ended since."""
        status = self._directory.status
        parent = find(client, "warwick", status["key"]) or self._create(client, status)
        self._describe(client, parent)
        mark_running(client, parent, status.get("process", ""))
        self._send_trials(client, parent.info.run_id, status["key"])
        return parent

    def publish(self, client: "MlflowClient") -> None:
        """Show all trials, and what was found: tables, pictures, the best settings."""
        from mlflow.entities import Metric  # noqa: PLC0415 (seconds to import)

        parent, status, trials = self.follow(client), self._directory.status, self._directory.table("trials")
        if status["state"] == "running" and not is_gone(status.get("process", "")):
            return  # somebody else is at it
        digest = files.digest(self.path / "trials.csv")
        ended = (trials["started"] + trials["seconds"]).max()
        if status["state"] == "finished" and parent.data.tags.get("findings") != digest:
            best = trials.loc[trials["value"].idxmax()]
            send(client, parent.info.run_id, [Metric(_SCORE, best["value"], milliseconds(ended), int(best["trial"]))])
            client.log_artifacts(parent.info.run_id, str(self.path))
            client.set_tag(parent.info.run_id, "findings", digest)
        state = "FINISHED" if status["state"] == "finished" else "KILLED"
        client.set_terminated(parent.info.run_id, state, None if pd.isna(ended) else milliseconds(ended))

    @property
    def _directory(self) -> StudyDirectory:
        return self.layout.study(self.name)

    def _create(self, client: "MlflowClient", status: dict[str, Any]) -> "Run":
        tags = {"run_key": status["key"], "study": self.name, "task": "warwick", "git_commit": status["git_commit"],
                PROCESS: status.get("process", ""),
                "mlflow.note.content": self.study.about}  # fmt: skip
        started = milliseconds(status["started"])
        return client.create_run(experiment_id(client, "warwick"), started, tags, f"search/{self.name}")

    def _describe(self, client: "MlflowClient", parent: "Run") -> None:
        """Send the parameters, unless they are there: a server may have gone just after the run was created."""
        from mlflow.entities import Param  # noqa: PLC0415

        if parent.data.params:
            return
        told = flat(json.loads(self.study.model_dump_json(exclude={"about", "space", "base"})))
        space = {f"space.{key}": dimension.told for key, dimension in self.study.space.items()}
        params = [Param(key, str(value)) for key, value in (told | space).items()]
        client.log_batch(parent.info.run_id, params=params)

    def _send_trials(self, client: "MlflowClient", parent: str, key: str) -> None:
        """Send the trials that are not there, or not wholly."""
        children = client.search_runs(
            [experiment_id(client, "warwick")], f"tags.mlflow.parentRunId = '{parent}'", max_results=ALL
        )
        there: dict[str, list[Run]] = {}
        for child in children:
            there.setdefault(child.data.tags["run_key"], []).append(child)
        curves = self._directory.table("curves")
        for row in self._directory.table("trials").to_dict("records"):
            found = there.get(f"{key}/{row['trial']}")
            shown = only(client, found) if found else None
            if shown is None or _SENT not in shown.data.tags:
                self._send_trial(
                    client, parent, f"{key}/{row['trial']}", row, curves[curves["trial"] == row["trial"]], shown
                )

    def _send_trial(  # noqa: PLR0913
        self,
        client: "MlflowClient",
        parent: str,
        key: str,
        row: dict[Hashable, Any],
        curves: pd.DataFrame,
        shown: "Run | None",
    ) -> None:
        """Send one trial; the last thing sent says that all is there."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        tags = {"mlflow.parentRunId": parent, "run_key": key, "study": self.name, "trial": str(row["trial"]),
                "task": "warwick", "state": row["state"], PROCESS: this_process()}  # fmt: skip
        if not pd.isna(row["error"]):
            tags["error"] = row["error"]
        run = shown or client.create_run(
            experiment_id(client, "warwick"), milliseconds(row["started"]), tags, f"{self.name}/trial-{row['trial']}"
        )
        point = {name: row[name] for name in self.study.space if not pd.isna(row[name])}
        params = {"variant": f"search/{self.name}", "seed": self.study.seed, **flat(self._settings(point))}
        client.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in params.items()])
        ended = milliseconds(row["started"] + row["seconds"])
        mean = curves.drop(columns=["trial", "fold"]).groupby("step", as_index=False).mean()  # over the folds
        send_curves(client, run.info.run_id, mean, row["started"])
        if not pd.isna(row["value"]):
            send(client, run.info.run_id, [Metric(_SCORE, row["value"], ended, self.study.iterations)])
        client.set_terminated(run.info.run_id, _STATES[row["state"]], ended)
        client.set_tag(run.info.run_id, _SENT, "all")

    def _settings(self, point: dict[str, Any]) -> dict[str, Any]:
        """Return all settings of a trial; of one that was killed before it had a point, those that are the study's."""
        if len(point) < len(self.study.space):
            return {}
        return self.study.variant(point).settings.model_dump(mode="json", exclude={"seeds", "device"})
