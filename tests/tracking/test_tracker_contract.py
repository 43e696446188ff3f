"""What every tracker promises: the same tests for each."""

import json
import platform
import shutil
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from torch import nn

from dl4ia.execution.processes import this_process
from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.records import Dataset, Group, Model, Record
from tests.tracking.folder_tracker import FolderTracker

GONE = f"{platform.node()}/999999999/0.00"  # a process that has ended
GROUP = Group("digits", "all of them", ("final/test_accuracy",), "variant")


@dataclass
class Shown:
    """What a tracker has of a run."""

    name: str
    state: str
    parent: str | None
    tags: dict[str, str]
    params: dict[str, str]
    points: dict[str, dict[int, list[float]]]
    metrics: dict[str, list[float]]
    files: dict[str, bytes]
    models: int = field(default=0)


class Folder:
    """The tracker of the tests."""

    def __init__(self, root, _empty):
        self.root = root / "tracked"

    def open(self):
        return FolderTracker(self.root)

    def shown(self):
        runs = [json.loads(path.read_text()) for path in sorted(self.root.glob("*.json"))]
        names = {run["key"]: run["name"] for run in runs}
        return {
            run["name"]: Shown(
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


class Mlflow:
    """MLflow's database."""

    def __init__(self, root, empty):
        self.layout = Layout(root)
        shutil.copyfile(empty, root / "mlflow.db")

    def open(self):
        return connect(self.layout)

    def shown(self):
        client = MlflowClient(f"sqlite:///{self.layout.root}/mlflow.db")
        number = client.get_experiment_by_name(GROUP.name).experiment_id
        runs = [client.get_run(run.info.run_id) for run in client.search_runs([number])]
        assert len({run.data.tags["run_key"] for run in runs}) == len(runs)
        names = {run.info.run_id: run.info.run_name for run in runs}
        return {run.info.run_name: self._shown(client, run, names) for run in runs}

    def _shown(self, client, run, names):
        histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        points = {}
        for name, history in histories.items():
            for metric in history:
                points.setdefault(name, {}).setdefault(metric.step, []).append(metric.value)
        files = {}
        for entry in client.list_artifacts(run.info.run_id):
            with open(client.download_artifacts(run.info.run_id, entry.path), "rb") as file:  # noqa: PTH123
                files[entry.path] = file.read()
        hidden = ("mlflow.", "dl4ia.", "run_key")
        models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
        assert [model.model_id for model in models] == [output.model_id for output in run.outputs.model_outputs]
        statuses = {"KILLED": ["stopped", "pruned"], "FINISHED": ["finished", "diverged"], "FAILED": ["failed"]}
        assert run.data.tags["state"] in {**statuses, "RUNNING": ["running"]}[run.info.status]
        return Shown(
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


def points(*values, first=1) -> pd.DataFrame:
    steps = np.arange(first, first + len(values))
    return pd.DataFrame({"step": steps, "time": 1000.0 + steps, "curve/train_loss": values})


def running(*values, **changes) -> Record:
    record = Record(
        key="the same everywhere",
        group=GROUP,
        name="fc/seed-0",
        about="fully connected",
        state="running",
        started=1000.0,
        tags={"variant": "fc"},
        params={"optimizer.kind": "adam"},
        process=this_process(),
        dataset=Dataset("MNIST", "0123456789ab", "stand-in"),
        points=points(*values),
    )
    return replace(record, **changes)


def finished(*values, content="weights", accuracy=0.5, **changes) -> Record:
    ended = {"state": "finished", "ended": 1010.0, "content": content, "metrics": {"final/test_accuracy": accuracy}}
    return running(*values, **(ended | changes))


def model() -> Model:
    return Model("fc-seed-0", "takes pairs", lambda: (nn.Linear(2, 1).eval(), np.zeros((2, 2), np.float32)))


@pytest.mark.parametrize("kind", [Mlflow, Folder])
class TestTracker:
    """Contract of `Tracker`."""

    @pytest.fixture
    def storage(self, kind, tmp_path, empty):
        return kind(tmp_path, empty)

    def test_all_of_a_record_is_shown(self, storage):
        storage.open().update(finished(0.9, 0.5, files={"table.csv": b"a,b\n"}, model=model()))
        assert storage.shown()["fc/seed-0"] == Shown(
            name="fc/seed-0",
            state="finished",
            parent=None,
            tags={"variant": "fc", "state": "finished"},
            params={"optimizer.kind": "adam"},
            points={"curve/train_loss": {1: [0.9], 2: [0.5]}},
            metrics={"final/test_accuracy": [0.5]},
            files={"table.csv": b"a,b\n"},
            models=1,
        )

    def test_a_run_grows_while_it_is_trained(self, storage):
        tracker = storage.open()
        for record in (running(), running(0.9), running(0.9, 0.5), finished(0.9, 0.5)):
            tracker.update(record)
            shown = storage.shown()["fc/seed-0"]
            assert shown.state == record.state
            assert sum(map(len, shown.points.values())) == len(record.points)
        assert shown.metrics == {"final/test_accuracy": [0.5]}

    def test_updating_again_changes_nothing(self, storage):
        for _ in range(2):
            tracker = storage.open()
            for _ in range(2):
                tracker.update(finished(0.9, 0.5))
        assert storage.shown()["fc/seed-0"].points == {"curve/train_loss": {1: [0.9], 2: [0.5]}}
        assert storage.shown()["fc/seed-0"].metrics == {"final/test_accuracy": [0.5]}

    def test_what_is_known_later_is_added(self, storage):
        storage.open().update(finished(0.9, metrics={}))
        storage.open().update(finished(0.9, files={"table.csv": b"1"}))
        assert storage.shown()["fc/seed-0"].metrics == {"final/test_accuracy": [0.5]}
        assert storage.shown()["fc/seed-0"].files == {"table.csv": b"1"}

    @pytest.mark.parametrize(
        "again",
        [
            finished(0.8, 0.4, content="other weights", accuracy=0.6, metrics={}),
            finished(0.9, 0.5, content="other weights", metrics={}),
            finished(0.9, 0.4, metrics={}),
            finished(0.9, 0.5, params={"optimizer.kind": "sgd"}, metrics={}),
            finished(0.9, metrics={}),
        ],
        ids=["all", "weights", "points", "parameters", "fewer points"],
    )
    def test_a_run_that_was_trained_again_is_replaced_and_nothing_of_the_first_remains(self, storage, again):
        storage.open().update(finished(0.9, 0.5, files={"confusion.csv": b"old"}))
        storage.open().update(again)
        (shown,) = storage.shown().values()
        assert shown.points["curve/train_loss"] == {step: [value] for step, _, value in again.points.to_numpy()}
        assert shown.params == again.params
        assert shown.metrics == {}
        assert shown.files == {}

    def test_a_run_that_was_evaluated_otherwise_has_the_new_metrics_alone(self, storage):
        storage.open().update(finished(0.9, accuracy=0.5))
        storage.open().update(finished(0.9, accuracy=0.6))
        assert storage.shown()["fc/seed-0"].metrics == {"final/test_accuracy": [0.6]}

    def test_a_run_that_is_trained_again_is_replaced_as_soon_as_its_points_differ(self, storage):
        storage.open().update(finished(0.9, 0.5))
        tracker = storage.open()
        tracker.update(running())
        assert storage.shown()["fc/seed-0"].state == "running"
        tracker.update(running(0.8))
        assert storage.shown()["fc/seed-0"].points == {"curve/train_loss": {1: [0.8]}}
        assert storage.shown()["fc/seed-0"].metrics == {}

    def test_a_run_that_is_resumed_from_an_earlier_point_keeps_its_points(self, storage):
        tracker = storage.open()
        for record in (running(0.9, 0.5, 0.4), running(0.9), running(0.9, 0.5)):
            tracker.update(record)
            assert len(storage.shown()["fc/seed-0"].points["curve/train_loss"]) == 3
        tracker.update(running(0.9, 0.5, 0.3))
        assert storage.shown()["fc/seed-0"].points == {"curve/train_loss": {1: [0.9], 2: [0.5], 3: [0.3]}}

    @pytest.mark.parametrize("state", ["stopped", "diverged", "failed", "pruned"])
    def test_states_are_kept_apart_and_errors_are_shown(self, storage, state):
        storage.open().update(running(0.9, state=state, error="RuntimeError: out of memory", ended=1010.0))
        assert storage.shown()["fc/seed-0"].state == state
        assert storage.shown()["fc/seed-0"].tags["error"] == "RuntimeError: out of memory"

    def test_a_run_that_failed_and_was_resumed_has_no_error(self, storage):
        storage.open().update(running(0.9, state="failed", error="RuntimeError: out of memory"))
        storage.open().update(finished(0.9, 0.5))
        assert "error" not in storage.shown()["fc/seed-0"].tags

    def test_trials_belong_to_their_study(self, storage):
        study = running(key="study", name="study", points=points(0.7))
        trial = finished(0.9, key="study/0", name="study/trial-0", parent="study")
        tracker = storage.open()
        tracker.update(study)
        tracker.update(trial)
        assert {name: shown.parent for name, shown in storage.shown().items()} == {
            "study": None,
            "study/trial-0": "study",
        }

    def test_trials_belong_to_a_study_that_was_replaced(self, storage):
        trial = finished(0.9, key="study/0", name="study/trial-0", parent="study")
        for value in (0.7, 0.8):
            tracker = storage.open()
            tracker.update(finished(value, key="study", name="study"))
            tracker.update(trial)
        assert storage.shown()["study/trial-0"].parent == "study"

    def test_runs_of_processes_that_have_ended_are_stopped(self, storage):
        tracker = storage.open()
        tracker.update(running(0.9, key="1", name="killed", process=GONE))
        tracker.update(running(0.9, key="2", name="alive"))
        storage.open().end_abandoned()
        assert {name: shown.state for name, shown in storage.shown().items()} == {
            "killed": "stopped",
            "alive": "running",
        }

    def test_each_group_has_a_page(self, storage):
        tracker = storage.open()
        tracker.update(running())
        assert tracker.pages.keys() == {"digits"}
        assert all("://" in address for address in tracker.pages.values())
