"""Addresses of MLflow that are wrong, or not available at the moment: each in a line with the remedy."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import pytest

from dl4ia.base.errors import UserError
from dl4ia.runs.layout import Layout
from dl4ia.tracking.live import publish, views
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.mlflow.connection import address_of
from dl4ia.tracking.mlflow.errors import without_password
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.tracker import OutageError, TrackerError
from tests.tracking.conftest import GROUP, NAME, client_of, runs_of
from tests.tracking.samples import finished


@pytest.fixture(autouse=True)
def _without_retries(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@contextmanager
def answering(status):
    """Yield the address of a server that answers everything so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_creating_a_database_disables_no_logger_of_this_project(tmp_path):
    logger = logging.getLogger("dl4ia.tracking.live")
    logger.disabled = True  # as the migration of a new database leaves it
    connect(Layout(tmp_path))
    assert not logger.disabled


@pytest.mark.parametrize(
    "address", ["localhost:5000", "htp://localhost:5000", "ftp://localhost/x", "file:///tmp/mlruns", "./mlruns"]
)
@pytest.mark.field("mlflow/mlflow#4", "a tracking address that MLflow cannot use")
def test_an_address_that_cannot_work_is_not_promised_to_work_later(tmp_path, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TrackerError) as caught:
        connect(Layout(tmp_path))
    assert not isinstance(caught.value, OutageError)
    assert str(caught.value).startswith(f"MLFLOW_TRACKING_URI: MLflow at {address} refuses this address (")
    assert str(caught.value).endswith("or of a database, such as sqlite:////folder/mlflow.db")
    assert "make publish" not in str(caught.value)


def test_a_server_that_is_no_mlflow_is_a_wrong_address(tmp_path, monkeypatch):
    with answering(404) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(TrackerError, match="refuses this address .*404.* correct it"):
            connect(Layout(tmp_path))


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.field("mlflow/mlflow#11551", "a proxy in between answers 403")
def test_a_server_that_wants_a_password_is_told_apart(tmp_path, monkeypatch, status):
    with answering(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(OutageError, match="refuses access .* set MLFLOW_TRACKING_USERNAME and"):
            connect(Layout(tmp_path))


@pytest.mark.parametrize("status", [200, 500, 503])
def test_a_server_that_fails_is_an_outage(tmp_path, monkeypatch, status):
    with answering(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(OutageError, match="is not available .* check it, then `make publish` sends the rest"):
            connect(Layout(tmp_path))


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database\n" * 1000)
    reason = (
        r"mlflow.db is not available \(DatabaseError: file is not a database\): move or delete that file, then `make"
    )
    with pytest.raises(OutageError, match=reason):
        connect(Layout(tmp_path))


@pytest.mark.slow
def test_a_database_of_another_mlflow_is_named_with_the_command_that_upgrades_it(layout):
    with closing(sqlite3.connect(layout.root / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    with pytest.raises(OutageError, match=r"database schema .*: run `mlflow db upgrade sqlite:///.*mlflow.db`"):
        connect(layout)


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "sqlite:///~/mlflow.db"])
def test_a_database_that_would_not_last_is_refused(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TrackerError, match=r"^MLFLOW_TRACKING_URI: .* is no file that lasts"):
        connect(Layout(tmp_path))
    assert not list(tmp_path.iterdir())


def test_passwords_are_not_printed(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(OutageError, match="MLflow at http://127.0.0.1:9 is") as caught:
        connect(Layout(tmp_path))
    assert "secret" not in str(caught.value)
    assert without_password("postgresql://me:secret@host/db and http://host") == "postgresql://host/db and http://host"


def test_the_default_is_a_database_at_the_root_of_the_working_copy(tmp_path, monkeypatch):
    folder = tmp_path / "100% sure?"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert address_of(Layout(Path())) == "sqlite:///mlflow.db"
    assert address_of(Layout(folder / ".dvc" / "tmp" / "exps" / "1")) == "sqlite:///mlflow.db"
    assert address_of(Layout(tmp_path)) == "sqlite:///../mlflow.db"


@pytest.mark.slow
@pytest.mark.field("mlflow/mlflow#6445", "a deleted experiment blocks its name")
def test_an_experiment_that_was_deleted_is_named_with_the_command_that_restores_it(short, layout):
    publish([], layout)
    tracker = connect(layout)
    tracker.update(RunView(views(short, layout)[0].experiment).records(final=False)[0])
    client = client_of(layout)
    number = client.get_experiment_by_name(GROUP).experiment_id
    client.delete_experiment(number)
    with pytest.raises(UserError) as caught:
        publish(views(short, layout), layout)
    message = str(caught.value)
    names = ", ".join(view.name for view in views(short, layout))
    assert message.startswith(f"0 runs and studies were published, not these: {names}: MLflow at sqlite:///")
    assert f"experiment {GROUP} was deleted" in message
    command = message.split("`")[1]
    assert command.endswith(f"mlflow experiments restore --experiment-id {number}")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], env={**os.environ, "PATH": path}, check=True)
    tracker = connect(layout)
    tracker.update(views(short, layout)[0].records(final=False)[0])
    assert set(runs_of(layout)) == {f"{NAME}/seed-0"}


def test_what_one_record_has_wrong_is_no_outage(layout):
    tracker = connect(layout)
    with pytest.raises(TrackerError, match=r"refuses fc/seed-0 \(") as caught:
        tracker.update(finished(0.9, metrics={"x?": 1.0}))
    assert not isinstance(caught.value, OutageError)


@pytest.mark.field("mlflow/mlflow#3144", "the folder was moved, artifacts are looked for at the old place")
def test_a_working_copy_that_was_moved_does_not_write_to_the_old_folder(layout, tmp_path):
    connect(layout).update(finished(0.9))
    moved = Layout(tmp_path / "moved")
    shutil.move(layout.root, moved.root)
    with pytest.raises(TrackerError, match=r"moved/mlflow.db was made for files in .*copy/mlartifacts.*delete the"):
        connect(moved)


def test_a_database_of_ones_own_is_not_used_for_a_folder_that_is_gone(layout, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    connect(layout).update(finished(0.9))
    connect(Layout(tmp_path / "another"))  # which may share it
    moved = Layout(tmp_path / "moved")
    shutil.move(layout.root, moved.root)
    with pytest.raises(TrackerError, match=r"shared.db was made for files in .*copy/mlartifacts.*delete"):
        connect(moved)


def test_an_experiment_that_was_made_in_the_pages_is_left_alone(layout):
    client = connect(layout)._client
    client.create_experiment("My own", "mlflow-artifacts:/7")
    client.create_experiment("Another program's", "file:///somewhere/else")
    connect(layout)


def test_experiments_that_another_copy_creates_at_the_same_time_are_shared(layout, monkeypatch):
    first, second = connect(layout), connect(layout)
    first.update(finished(0.9))
    looks = chain([lambda _: None], repeat(second._experiments._existing))  # the first look was too early
    monkeypatch.setattr(second._experiments, "_existing", lambda name: next(looks)(name))  # noqa: PLW0108
    second.update(finished(0.9, 0.5, key="other", name="other"))
    assert set(runs_of(layout, "digits")) == {"fc/seed-0", "other"}
