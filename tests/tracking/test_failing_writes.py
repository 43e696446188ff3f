"""Whichever write to MLflow fails, publishing again completes the rest, and nothing is there twice."""

import shutil
from contextlib import suppress
from functools import wraps
from itertools import count

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from dl4ia import config
from dl4ia.errors import UserError
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from dl4ia.tracking.client import connect
from dl4ia.tracking.live import publish
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.studies import StudyView
from tests.search.conftest import _here, small
from tests.shown import shown

WRITES = {
    SqlAlchemyStore: (
        "create_run", "log_batch", "log_inputs", "log_outputs", "set_tag", "update_run_info", "create_logged_model",
        "finalize_logged_model", "delete_logged_model",
    ),
    LocalArtifactRepository: ("log_artifacts",),
}  # fmt: skip


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


@pytest.fixture(params=[False, True], ids=["without effect", "after it had its effect"])
def writes(request, monkeypatch):
    return Writes(monkeypatch, effective=request.param)


@pytest.fixture
def study(params, layout, monkeypatch) -> StudyView:
    """A study of one trial."""
    monkeypatch.setattr("dl4ia.search.run.run_side_by_side", _here)
    width = {"network.width": config.Choices(kind="choices", choices=(2,))}
    study = small(params.studies["joint"], trials=1, space=width)
    run_study("study", study, layout, default_url(layout), 1, lambda _: None)
    return StudyView("study", study, layout)


def test_of_a_run(evaluated, writes, monkeypatch):
    each_fails_once(RunView(evaluated), evaluated.layout, writes, monkeypatch)


def test_of_a_study(study, writes, monkeypatch):
    each_fails_once(study, study.layout, writes, monkeypatch)


def each_fails_once(view, layout, writes, monkeypatch):
    databases = layout.root / "databases"
    databases.mkdir()

    def use(name):
        address = f"sqlite:///{databases / name}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        return address

    use("empty.db")
    connect(layout)
    shutil.copyfile(databases / "empty.db", databases / "whole.db")
    whole = use("whole.db")
    publish([view], layout)
    for number in count(1):
        shutil.copyfile(databases / "empty.db", databases / f"{number}.db")
        address = use(f"{number}.db")
        writes.until_one_fails, writes.failed = number, None
        with suppress(UserError):
            publish([view], layout)
        writes.until_one_fails = 0
        publish([view], layout)
        assert shown(address) == shown(whole), writes.failed
        if writes.failed is None:
            break
    assert number > 10
