"""Trackers that tests can open again and read: MLflow, and one in a folder."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow import connect
from tests.tracking.folder_tracker import FolderTracker
from tests.tracking.samples import GROUP


@dataclass
class Contents:
    """What a tracker has of a run."""

    name: str
    state: str
    parent: str | None
    tags: dict[str, str]
    params: dict[str, str]
    points: dict[str, dict[int, list[float]]]
    metrics: dict[str, list[float]]
    files: dict[str, bytes]
    models: int


class Folder:
    """The tracker of the tests."""

    def __init__(self, root, _empty):
        self.root = root / "tracked"

    def open(self):
        return FolderTracker(self.root)

    def contents(self):
        runs = [json.loads(path.read_text()) for path in sorted(self.root.glob("*.json"))]
        names = {run["key"]: run["name"] for run in runs}
        return {
            run["name"]: Contents(
                run["name"], run["state"], names.get(run["parent"]), run["tags"], run["params"],
                {
                    name: {int(step): [value] for step, value in points.items()}
                    for name, points in run["points"].items()
                },
                {name: [value] for name, value in run["metrics"].items()},
                {path: bytes.fromhex(content) for path, content in run["files"].items()},
                int(run["model"] is not None),
            )
            for run in runs
        }  # fmt: skip

    def champions(self):
        """Return the run of each champion, and what is said about it."""
        by_name = {path.stem: json.loads(path.read_text()) for path in (self.root / "champions").glob("*.json")}
        return {name: (champion["run"], champion["content"], champion["about"]) for name, champion in by_name.items()}


class Mlflow:
    """MLflow's database."""

    def __init__(self, root, empty):
        self.layout = Layout(root)
        shutil.copyfile(empty, root / "mlflow.db")

    def open(self):
        return connect(self.layout)

    def contents(self):
        client = MlflowClient(f"sqlite:///{self.layout.root}/mlflow.db")
        number = client.get_experiment_by_name(GROUP.name).experiment_id
        runs = [client.get_run(run.info.run_id) for run in client.search_runs([number])]
        assert len({run.data.tags["run_key"] for run in runs}) == len(runs)
        names = {run.info.run_id: run.info.run_name for run in runs}
        return {run.info.run_name: self._contents(client, run, names) for run in runs}

    def champions(self):
        """Return the run of each champion, and what is said about it."""
        client = MlflowClient(f"sqlite:///{self.layout.root}/mlflow.db")
        by_name = {}
        for model in client.search_registered_models():
            version = client.get_model_version_by_alias(model.name, "champion")
            run = client.get_run(version.run_id)
            (output,) = run.outputs.model_outputs
            assert version.source == client.get_logged_model(output.model_id).artifact_location
            assert version.tags["variant"] == run.data.tags["variant"]
            by_name[model.name] = (run.info.run_name, run.data.tags["dl4ia.content"], model.description)
        return by_name

    def _contents(self, client, run, names):
        histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        points = {}
        for name, history in histories.items():
            for metric in history:
                points.setdefault(name, {}).setdefault(metric.step, []).append(metric.value)
        files = {}
        for entry in client.list_artifacts(run.info.run_id):
            files[entry.path] = Path(client.download_artifacts(run.info.run_id, entry.path)).read_bytes()
        hidden = ("mlflow.", "dl4ia.", "run_key")
        models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
        assert [model.model_id for model in models] == [output.model_id for output in run.outputs.model_outputs]
        statuses = {"KILLED": ["stopped", "pruned"], "FINISHED": ["finished", "diverged"], "FAILED": ["failed"]}
        assert run.data.tags["state"] in {**statuses, "RUNNING": ["running"]}[run.info.status]
        return Contents(
            run.info.run_name,
            run.data.tags["state"],
            names.get(run.data.tags.get("mlflow.parentRunId")),
            {key: value for key, value in run.data.tags.items() if not key.startswith(hidden)},
            run.data.params,
            {name: steps for name, steps in points.items() if name.startswith("curve/")},
            {name: steps[0] for name, steps in points.items() if not name.startswith("curve/")},
            files,
            len(models),
        )
