"""Records in MLflow."""

import getpass
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dl4ia.execution.processes import is_gone
from dl4ia.tracking.mlflow.differences import Histories, contradicts, histories_of, missing_points
from dl4ia.tracking.mlflow.errors import explained
from dl4ia.tracking.mlflow.experiments import Experiments
from dl4ia.tracking.mlflow.identity import SENT, Identity, all_runs
from dl4ia.tracking.mlflow.models import model_of, register_champion, send_model
from dl4ia.tracking.records import PLUMBING, Group, Record, State

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

_CONTENT, _PROCESS = f"{PLUMBING}content", f"{PLUMBING}process"
_PARENT = "mlflow.parentRunId"
_STATUS: Mapping[State, str] = {
    "running": "RUNNING",
    "stopped": "KILLED",
    "pruned": "KILLED",
    "finished": "FINISHED",
    "diverged": "FINISHED",  # a result; the tag `state` keeps them apart
    "failed": "FAILED",
}
_IN_PART = "in part"  # in place of a digest: it changes since it was sent completely
_BATCH = 1000  # metrics that MLflow takes in one call


class MlflowTracker:
    """A tracking server, or a database; see `Tracker`.

    The tag `dl4ia.content` of a run is the content of the training that it has the model of; for others see `Identity`.
    """

    def __init__(self, client: "MlflowClient", address: str, experiments: Experiments, identity: Identity) -> None:
        self._client, self._address, self._experiments, self._identity = client, address, experiments, identity
        self._ids: dict[str, str] = {}  # of MLflow's runs, by key
        self._sent: dict[str, str] = {}  # digests of records that MLflow has completely, by key
        self._searched: set[str] = set()  # groups of which all runs were searched for

    def update(self, record: Record) -> None:
        """Show a record as it now is; see `Tracker.update`."""
        parent = None if record.parent is None else self._ids[record.parent]
        digest = f"{record.digest}{parent or ''}"
        with explained(self._address, record.name):
            if record.state != "running" and record.group.name not in self._searched:
                self._search(record.group)
            if self._sent.get(record.key) == digest:
                return
            run = self._find(record)
            if run is None or run.data.tags.get(SENT) != digest:
                number = self._send(record, run, parent, digest)
            else:
                number = run.info.run_id
            self._ids[record.key], self._sent[record.key] = number, digest

    def register(self, name: str, about: str, key: str) -> None:
        """Let the alias `champion` of a registered model lead to a record's model; see `Tracker.register`."""
        with explained(self._address, name):
            run = self._client.get_run(self._ids[key])
            model = model_of(run)
            if model is not None:
                register_champion(self._client, run, model, name, about)

    def end_abandoned(self) -> None:
        """Show runs as stopped that are shown as running and whose process has ended."""
        with explained(self._address, "a search"):
            numbers = self._experiments.all_ids()
            for run in list(all_runs(self._client, numbers, "attributes.status = 'RUNNING'")):
                if is_gone(run.data.tags.get(_PROCESS, "")):
                    self._client.set_tag(run.info.run_id, "state", "stopped")
                    self._client.set_terminated(run.info.run_id, _STATUS["stopped"])

    @property
    def pages(self) -> dict[str, str]:
        """The address at which a person sees each experiment that was updated, by its name."""
        return self._experiments.pages

    @property
    def all_pages(self) -> dict[str, str]:
        """The address at which a person sees each experiment that was ever updated, by its name."""
        with explained(self._address, "a search"):
            return self._experiments.all_pages

    def _search(self, group: Group) -> None:
        """Note what MLflow has completely of a group: one search takes less than one for each run."""
        for key, (number, digest) in self._identity.complete(self._experiments.id_of(group)).items():
            if key not in self._sent:  # which this process knows better
                self._ids[key], self._sent[key] = number, digest
        self._searched.add(group.name)

    def _find(self, record: Record) -> "Run | None":
        return self._identity.find(self._experiments.id_of(record.group), record.key)

    def _send(self, record: Record, run: "Run | None", parent: str | None, digest: str, *, again: bool = False) -> str:
        """Bring a run up to date, return its number; whatever fails, the next call completes it."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

        target, histories = self._target(record, run)
        if SENT in target.data.tags:  # no longer: the same record must be sent again if it ends as it did before
            self._client.set_tag(target.info.run_id, SENT, _IN_PART)
        try:
            self._write(record, target, histories, parent)
            if record.state == "running":
                return str(target.info.run_id)
            self._client.set_tag(target.info.run_id, SENT, digest)
        except MlflowException:
            if again or not self._identity.is_deleted(target):
                raise
            # Another process has sent the same record completely, and has left its own run.
            return self._send(record, self._find(record), parent, digest, again=True)
        return self._identity.settle(target.info.experiment_id, record.key)

    def _target(self, record: Record, run: "Run | None") -> "tuple[Run, Histories]":
        """Return the run to write to, which contradicts nothing of the record, and the curves that it has."""
        if run is not None:
            run = self._client.get_run(run.info.run_id)
            histories = histories_of(self._client, run, record)
            if not contradicts(run, histories, record, run.data.tags.get(_CONTENT)):
                return run, histories
            self._identity.delete(run)
        return self._create(record), {}

    def _write(self, record: Record, run: "Run", histories: Histories, parent: str | None) -> None:
        client = self._client
        self._describe(record, run, parent)
        number, model = run.info.run_id, model_of(run)
        self._send_metrics(number, missing_points(histories, record))
        if record.model is not None and model is None:
            model = send_model(client, run, record.model)
        self._send_metrics(number, _final_metrics(record, model))
        self._send_files(number, record.files)
        status = _STATUS[record.state]
        if record.state == "running":
            client.update_run(number, status=status)
        else:
            client.set_terminated(number, status, None if record.ended is None else _milliseconds(record.ended))

    def _create(self, record: Record) -> "Run":
        tags = {**self._identity.tags_of(record.key), "mlflow.user": _user(), "mlflow.source.type": "LOCAL"}
        number = self._experiments.id_of(record.group)
        return self._client.create_run(number, _milliseconds(record.started), tags, record.name)

    def _describe(self, record: Record, run: "Run", parent: str | None) -> None:
        """Send the tags that have changed, and parameters and dataset if they are missing."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag  # noqa: PLC0415 (seconds to import)

        tags = {key: value for key, value in _tags(record, parent).items() if run.data.tags.get(key) != value}
        params = {key: value for key, value in record.params.items() if key not in run.data.params}
        self._client.log_batch(
            run.info.run_id,
            params=[Param(key, value) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        if record.error is None and "error" in run.data.tags:
            self._client.delete_tag(run.info.run_id, "error")
        if record.dataset is not None and not (run.inputs and run.inputs.dataset_inputs):
            dataset = Dataset(record.dataset.name, record.dataset.digest, "local", record.dataset.source)
            training = InputTag("mlflow.data.context", "training")
            self._client.log_inputs(run.info.run_id, [DatasetInput(dataset, [training])])

    def _send_metrics(self, number: str, metrics: "list[Metric]") -> None:
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(number, metrics[start : start + _BATCH])

    def _send_files(self, number: str, files: Mapping[str, bytes]) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._client.log_artifacts(number, folder)


def _tags(record: Record, parent: str | None) -> dict[str, str]:
    tags = {
        **record.tags,
        "state": record.state,
        "error": record.error,
        _PARENT: parent,
        _PROCESS: record.process,
        _CONTENT: record.content,
        "mlflow.note.content": record.about,
        "mlflow.source.name": record.command,
        "mlflow.source.git.commit": record.git_commit,
    }
    return {key: value for key, value in tags.items() if value}


def _final_metrics(record: Record, model: str | None) -> "list[Metric]":
    """Return final metrics at step 0, which MLflow draws as bars; they are metrics of the model, too."""
    from mlflow.entities import Metric  # noqa: PLC0415

    time = _milliseconds(record.started if record.ended is None else record.ended)
    return [Metric(name, value, time, 0, model_id=model) for name, value in record.metrics.items()]


def _milliseconds(time: float) -> int:
    return int(1000 * time)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        return ""
