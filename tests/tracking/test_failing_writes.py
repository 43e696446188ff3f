"""Whichever write to MLflow fails, updating again completes the rest, and nothing is repeated."""

import shutil
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from itertools import count

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.tracker import OutageError
from tests.tracking.contents import contents_of
from tests.tracking.samples import finished, model, points, running

WRITES = {
    SqlAlchemyStore: (
        "create_experiment", "set_experiment_tag", "create_run", "log_batch", "log_inputs", "log_outputs", "set_tag",
        "update_run_info", "create_logged_model", "finalize_logged_model", "delete_logged_model", "delete_run",
    ),
    LocalArtifactRepository: ("log_artifacts",),
}  # fmt: skip
TRAINED = [finished(0.9, 0.5, files={"evaluation/confusion.csv": b"1,2\n"}, model=model())]
AGAIN = [finished(0.8, 0.4, content="other weights", accuracy=0.6, files={"evaluation/confusion.csv": b"3\n"})]
STUDY = [
    running(key="study", name="study", state="finished", points=points(0.7), files={"best.yaml": b"x: 1\n"}),
    finished(0.9, 0.5, key="study/0", name="study/trial-0", parent="study"),
]


class Writes:
    """What writes to MLflow's database and artifacts; one of the calls fails, with or without its effect."""

    def __init__(self, monkeypatch, *, effective):
        self.until_one_fails, self.failed, self._effective, self._depth = 0, None, effective, 0
        for owner, names in WRITES.items():
            for name in names:
                monkeypatch.setattr(owner, name, self._wrapped(name, getattr(owner, name)))

    def _wrapped(self, name, write):
        @wraps(write)
        def wrapped(*args, **kwargs):
            self.until_one_fails -= not self._depth  # some are made of others
            fails = self.until_one_fails == 0 and not self._depth
            if fails:
                self.failed = name
            if self._effective or not fails:
                self._depth += 1
                try:
                    result = write(*args, **kwargs)
                finally:
                    self._depth -= 1
            if fails:
                raise ConnectionError(name)
            return result

        return wrapped


@pytest.mark.parametrize(
    ("before", "records", "least", "effective"),
    [
        pytest.param([], TRAINED, 14, False, id="run, without effect"),
        pytest.param([], TRAINED, 14, True, id="run, after it had its effect", marks=pytest.mark.system),
        pytest.param([], STUDY, 14, False, id="study, without effect", marks=pytest.mark.system),
        pytest.param([], STUDY, 14, True, id="study, after it had its effect", marks=pytest.mark.system),
        pytest.param(TRAINED, AGAIN, 9, False, id="trained again, without effect", marks=pytest.mark.system),
        pytest.param(TRAINED, AGAIN, 9, True, id="trained again, after it had its effect", marks=pytest.mark.system),
    ],
)
@pytest.mark.field("mlflow/mlflow#3100", "one training ends as several runs")
def test_each_write_may_fail_once(before, records, least, effective, tmp_path, empty, monkeypatch):
    layout = Layout(tmp_path)
    shutil.copyfile(empty, tmp_path / "mlflow.db")
    writes = Writes(monkeypatch, effective=effective)

    def update(group, records):
        tracker = connect(layout)
        for record in records:
            parent = record.parent and f"{group}-{record.parent}"
            names = {"key": f"{group}-{record.key}", "group": replace(record.group, name=group), "parent": parent}
            tracker.update(replace(record, **names))

    def contents(group):
        entries = contents_of(f"sqlite:///{tmp_path}/mlflow.db", group)
        return {entry: times for entry, times in entries.items() if entry[1:3] != ("tag", "run_key")}

    update("whole", before + records)
    whole = contents("whole")
    for number in count(1):
        group = f"failing-{number}"
        update(group, before)
        writes.until_one_fails, writes.failed = number, None
        with suppress(OutageError):
            update(group, records)
        writes.until_one_fails = 0
        update(group, records)
        assert contents(group) == whole, writes.failed
        if writes.failed is None:
            break
    assert number > least
