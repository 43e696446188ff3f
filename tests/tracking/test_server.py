"""A team's tracking server: real ones of MLflow, with accounts, PostgreSQL and S3."""

import multiprocessing
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import mlflow
import pytest
from sqlalchemy import create_engine, text

from dl4ia.base.errors import UserError
from dl4ia.runs.layout import Layout
from dl4ia.tracking.live import Champion, publish, views
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.tracker import OutageError
from tests.tracking.conftest import NAME, client_of
from tests.tracking.contents import contents_of
from tests.tracking.team_server import ADMIN, PASSWORD, TeamServer, team_server
from tests.tracking.test_runs import trained_again


@pytest.fixture(scope="module")
def server():
    with team_server() as started:
        for name in ("ann", "bob"):
            started.create_account(name, f"a long password of {name}")
        yield started


@pytest.fixture
def address(server, monkeypatch):
    """Point the pipeline at the server, as one of the team."""
    use(monkeypatch, server.address, "ann", "a long password of ann")
    return server.address


def use(monkeypatch, address, name, password):
    for variable, value in {"URI": address, "USERNAME": name, "PASSWORD": password}.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{variable}", value)


@pytest.fixture
def fresh(server, layout, short, address):
    """A working copy of which the server has nothing."""
    client = mlflow.MlflowClient(server.address)
    numbers = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(numbers):
        for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
            client.delete_logged_model(model.model_id)
        client.delete_run(run.info.run_id)
    return layout


def publish_at(moment, params, layout):
    """Publish when all processes have come so far."""
    to_publish = views(params, layout)
    time.sleep(max(0.0, moment - time.time()))
    return publish(to_publish, layout)


@pytest.mark.system
class TestTeam:
    """PostgreSQL, S3, accounts."""

    def test_moving_there_is_publishing_again_and_everything_is_as_in_sqlite(self, fresh, address, short, monkeypatch):
        for _ in range(2):
            assert publish(views(short, fresh), fresh) == 3
        contents = contents_of(address)
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        publish(views(short, fresh), fresh)
        assert contents == contents_of(f"sqlite:///{fresh.root}/mlflow.db")

    def test_a_model_is_loaded_from_there_without_an_account_of_s3(self, fresh, short):
        first = RunView(views(short, fresh)[0].experiment)
        publish(views(short, fresh), fresh, register=[Champion("mnist", "the best one", first)])
        served = mlflow.pyfunc.load_model("models:/mnist@champion")
        assert served.predict(served.input_example).columns.tolist() == ["digit", "probability"]

    def test_two_places_publish_at_once_and_each_run_is_there_once(self, fresh, address, short, tmp_path):
        publish([], fresh)
        places = [fresh, Layout(tmp_path / "another")]
        shutil.copytree(fresh.root, places[1].root)
        moment = time.time() + 30  # when both have been started
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            counts = [pool.submit(publish_at, moment, short, place) for place in places]
            assert [count.result() for count in counts] == [3, 3]
        at_once = contents_of(address)
        assert publish(views(short, fresh), fresh) == 3
        assert at_once == contents_of(address)
        names = {name for name, *_ in at_once}
        assert sum(count for (_, kind, *_), count in at_once.items() if kind == "status") == len(names) == 3

    def test_what_one_has_published_another_replaces_when_it_was_trained_again(
        self, fresh, address, short, monkeypatch
    ):
        publish(views(short, fresh), fresh)
        trained_again(views(short, fresh)[0].experiment)
        use(monkeypatch, address, "bob", "a long password of bob")
        publish(views(short, fresh), fresh)
        contents = contents_of(address)
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        publish(views(short, fresh), fresh)
        assert contents == contents_of(f"sqlite:///{fresh.root}/mlflow.db")

    def test_another_name_of_the_server_is_refused_with_who_can_allow_it(self, address, monkeypatch, tmp_path):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("127.0.0.1", "localhost"))
        with pytest.raises(
            OutageError, match=r"403.*Invalid Host header.*or for this address among its --allowed-hosts"
        ):
            connect(Layout(tmp_path))

    def test_a_database_that_is_gone_behind_it_is_an_outage_and_publishing_again_completes_it(
        self, fresh, short, server, monkeypatch
    ):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with (
            closed(server.database),
            pytest.raises(OutageError, match=r"is not available .*`make publish` sends the r"),
        ):
            publish(views(short, fresh), fresh)
        assert publish(views(short, fresh), fresh) == 3

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("me@", "nobody:secret@"), r'role "nobody" does not exist\): check it'),
            (("/mlflow", "/mlfow"), r'database "mlfow" does not exist\): check it'),
        ],
    )
    def test_a_postgresql_that_refuses_is_one_line_without_the_password(
        self, server, monkeypatch, tmp_path, change, message
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.database.replace(*change))
        with pytest.raises(OutageError, match=message) as caught:
            connect(Layout(tmp_path))
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_a_postgresql_database_of_an_older_mlflow_names_the_command_that_upgrades_it(
        self, server, monkeypatch, tmp_path
    ):
        with create_engine(server.database).begin() as connection:
            (version,) = connection.execute(text("SELECT version_num FROM alembic_version")).one()
            connection.execute(text("UPDATE alembic_version SET version_num = '451aebb31d03'"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.database)
        try:
            with pytest.raises(OutageError, match=r"schema .*: run `mlflow db upgrade postgresql\+psycopg://127.0.0.1"):
                connect(Layout(tmp_path))
        finally:
            with create_engine(server.database).begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


@contextmanager
def closed(database):
    """Let PostgreSQL refuse a database to everyone."""
    name = database.rpartition("/")[2]
    engine = create_engine(database.removesuffix(name) + "postgres", isolation_level="AUTOCOMMIT")

    def execute(command):
        with engine.connect() as connection:
            connection.execute(text(command))

    execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    yield
    execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.mark.slow
def test_a_wrong_password_is_one_line_and_nothing_that_is_here_is_lost(layout, short, empty, tmp_path, monkeypatch):
    shutil.copyfile(empty, tmp_path / "server.db")
    databases = [f"sqlite:///{tmp_path / name}" for name in ("server.db", "accounts.db")]
    server = TeamServer(*databases, files=str(tmp_path / "artifacts"))
    publish(views(short, layout), layout)
    before = contents_of(f"sqlite:///{layout.root}/mlflow.db")
    with server.running():
        for name, password in {ADMIN: "wrong", "nobody": PASSWORD}.items():
            use(monkeypatch, server.address, name, password)
            message = (
                r"refuses access .*401.*set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of your"
            )
            with pytest.raises(UserError, match=message) as caught:
                publish(views(short, layout), layout)
            assert "\n" not in str(caught.value)
            assert password not in str(caught.value)
        use(monkeypatch, server.address, ADMIN, PASSWORD)
        connect(layout)
    assert contents_of(f"sqlite:///{layout.root}/mlflow.db") == before
    assert {run.info.status for run in client_of(layout).search_runs(["1"])} == {"FINISHED"}
    assert (layout.run(NAME, 0).path / "model.safetensors").exists()
