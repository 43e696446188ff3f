"""Groups as MLflow's experiments: each with a description, and a saved view that shows what matters."""

import base64
import json
import os
import shlex
import zlib
from typing import TYPE_CHECKING, Any

from dl4ia.tracking.mlflow.errors import without_password
from dl4ia.tracking.records import Group
from dl4ia.tracking.tracker import TrackerError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

_KIND = {"mlflow.experimentKind": "custom_model_development"}  # which tabs MLflow shows
_NOTE = "mlflow.note.content"
_VIEW = "overview"  # the key of the saved view, part of its address
_VIEW_TAG = f"mlflow.sharedViewState.{_VIEW}"
_NAME = "attributes.`Run Name`"
_WIDE, _MEDIUM, _NARROW = 280, 160, 110  # pixels: names, headline metrics, other metrics


class Experiments:
    """Finds MLflow's experiment of each group, and creates it if need be."""

    def __init__(self, client: "MlflowClient", address: str, artifacts: str | None) -> None:
        self._client, self._address, self._artifacts = client, address, artifacts
        self._ids: dict[str, str] = {}

    def id_of(self, group: Group) -> str:
        """Return MLflow's number of a group's experiment; raises TrackerError if somebody has deleted it."""
        if group.name not in self._ids:
            experiment = self._existing(group.name) or self._created(group.name)
            self._describe(experiment, group)
            self._ids[group.name] = str(experiment.experiment_id)
        return self._ids[group.name]

    def all_ids(self) -> list[str]:
        """Return the numbers of all experiments that are of this project, or like those."""
        experiments = self._client.search_experiments()
        return [str(experiment.experiment_id) for experiment in experiments if is_own(experiment)]

    @property
    def pages(self) -> dict[str, str]:
        """The addresses of the saved views of the groups that were used, by name."""
        return {name: self._page(number) for name, number in self._ids.items()}

    @property
    def all_pages(self) -> dict[str, str]:
        """The addresses of all saved views that this MLflow has, by the name of their group."""
        experiments = self._client.search_experiments(order_by=["name ASC"])
        return {str(each.name): self._page(str(each.experiment_id)) for each in experiments if _VIEW_TAG in each.tags}

    def _page(self, number: str) -> str:
        port = os.environ.get("PORT") or 5000  # `make ui PORT=…`
        server = without_password(self._address) if self._address.startswith("http") else f"http://127.0.0.1:{port}"
        return f"{server}/#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey={_VIEW}"

    def _existing(self, name: str) -> "Experiment | None":
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            place = without_password(self._address)
            command = f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
            raise TrackerError(
                f"MLflow at {place}: the experiment {name} was deleted; restore it, "
                f"`MLFLOW_TRACKING_URI={shlex.quote(place)} {command}`"
            )
        return experiment

    def _created(self, name: str) -> "Experiment":
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

        try:
            return self._client.get_experiment(self._client.create_experiment(name, self._artifacts, _KIND))
        except MlflowException:
            experiment = self._existing(name)  # another working copy may have been faster
            if experiment is None:
                raise
            return experiment

    def _describe(self, experiment: "Experiment", group: Group) -> None:
        created = experiment.creation_time or 0
        wanted = {_NOTE: group.about, _VIEW_TAG: _saved_view(group, created), **_KIND}
        for key, value in wanted.items():
            if experiment.tags.get(key) != value:
                self._client.set_experiment_tag(experiment.experiment_id, key, value)


def is_own(experiment: "Experiment") -> bool:
    """Return whether an experiment is of this project, or like those."""
    return _KIND.items() <= experiment.tags.items()


def _saved_view(group: Group, created: int) -> str:
    """Return a saved view as MLflow's pages store it: the columns that matter, seeds of a variant together, best first.

    Its format is not documented (`viewStateShareKey` in MLflow's sources); a page that does not know it shows its own.
    """
    widths = {f"metrics.`{name}`": _MEDIUM for name in group.headline}
    widths |= dict.fromkeys(("metrics.`trained`", "metrics.`train_seconds`"), _NARROW)
    state: dict[str, Any] = {
        "selectedColumns": [*widths, "tags.`state`"],
        "columnOrder": [_NAME, *widths],
        "columnWidths": {_NAME: _WIDE, **widths},
        "runsHiddenMode": "SHOW_ALL",
    }
    if group.by is not None:
        keys = [{"mode": "param", "groupByData": group.by}]
        state |= {"groupBy": {"aggregateFunction": "average", "groupByKeys": keys}}
        state |= {"orderByKey": f"metrics.`{group.headline[0]}`", "orderByAsc": False}
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": "Overview", "createdAt": created, "updatedAt": created, "state": f"deflate;{packed}"})
