"""Following runs while they are trained, and what a failing tracker may do to them: nothing."""

import logging
import shutil
import threading
import time
from unittest.mock import ANY

import pytest
from filelock import FileLock

from dl4ia.base.errors import RunError, UserError
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import experiments, train_all
from dl4ia.stages import Pipeline
from dl4ia.tracking.live import Live, champions, publish, views
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.tracker import OutageError, TrackerError
from tests.conftest import shortened
from tests.runs.inline import Inline
from tests.tracking.conftest import NAME, client_of, runs_of
from tests.tracking.folder_tracker import FolderTracker
from tests.tracking.storages import Folder


class Sent:
    """A view that takes a while to be read."""

    exists = True

    def __init__(self, name, seconds=0.0, error=None):
        self.name, self.seconds, self.error = name, seconds, error
        self.followed = self.published = 0

    def records(self, *, final):
        if final:
            time.sleep(self.seconds)
            self.published += 1
        else:
            self.followed += 1
        if self.error:
            raise self.error
        return []


@pytest.fixture
def folder(layout):
    """Connect to a tracker in a folder of the working copy."""
    return lambda _: FolderTracker(layout.root / "tracked")


def messages(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("dl4ia")]


def test_runs_are_shown_in_mlflow_while_they_are_trained(short, layout):
    experiment = experiments(short, [NAME], layout)[0]
    statuses = []

    def observe(progress):
        live(RunView(progress.experiment))
        if progress.point is not None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and len(statuses) < 1:
                statuses.extend(run.info.status for run in followed().values())
                time.sleep(0.05)

    def followed():
        experiment = client_of(layout).get_experiment_by_name("mnist-classification")
        return runs_of(layout) if experiment else {}

    with Live(layout) as live:
        train_all([experiment], Inline(), observe)
    assert statuses == ["RUNNING"]
    (run,) = runs_of(layout).values()
    assert run.info.status == "FINISHED"
    assert len(client_of(layout).get_metric_history(run.info.run_id, "curve/train_loss")) == 2
    assert len(run.outputs.model_outputs) == 1


def test_an_evaluation_that_is_refused_opens_no_tracker(short, tmp_path):
    with pytest.raises(RunError, match=f"seed-0 is missing: run `dvc repro train@{NAME}`"):
        Pipeline(short, Layout(tmp_path)).evaluate([NAME])
    assert not list(tmp_path.glob("mlflow*"))


def test_any_tracker_can_follow(short, layout, folder):
    with Live(layout, folder) as live:
        train_all(experiments(short, [NAME], layout), Inline(), lambda progress: live(RunView(progress.experiment)))
    runs = Folder(layout.root, None).contents()
    assert {name: run.state for name, run in runs.items()} == {f"{NAME}/seed-{seed}": "finished" for seed in (0, 1)}
    assert all(len(run.points["curve/train_loss"]) == 2 for run in runs.values())


def test_any_tracker_can_be_published_to(short, layout, folder, capsys):
    assert publish(views(short, layout), layout, folder) == 3
    assert len(Folder(layout.root, None).contents()) == 3
    assert capsys.readouterr().out == f"mnist-classification: {(layout.root / 'tracked').as_uri()}\n"


def test_the_first_seed_of_a_champion_is_registered_once_it_was_trained_here(short, layout, folder):
    params = short.model_copy(update={"champions": {"mnist": NAME, "warwick": "not-trained"}})
    champions_here = champions(params, layout)
    publish(views(params, layout), layout, folder, register=champions_here)
    assert Folder(layout.root, None).champions() == {
        "mnist-classification": (f"{NAME}/seed-0", ANY, champions_here[0].about)
    }
    assert NAME in champions_here[0].about
    shutil.rmtree(layout.run(NAME, 0).path)
    assert champions(params, layout) == []


def test_a_champion_that_was_not_published_is_not_registered(short, layout, folder):
    params = short.model_copy(update={"champions": {"mnist": NAME}})
    (layout.run(NAME, 0).path / "config.json").write_text("{")
    with pytest.raises(UserError, match=f"not these: {NAME}/seed-0: "):
        publish(views(params, layout), layout, folder, register=champions(params, layout))
    assert Folder(layout.root, None).champions() == {}


@pytest.mark.slow
def test_following_takes_a_hundredth_of_a_core_and_no_pause_is_waited_for_at_the_end(layout, folder):
    class Busy(Sent):
        def records(self, *, final):
            until = time.thread_time() + 0.05 * (not final)
            while time.thread_time() < until:
                pass
            return super().records(final=final)

    view = Busy("busy")
    with Live(layout, folder) as live:
        while not view.followed:
            live(view)
            time.sleep(0.01)
        for _ in range(200):
            live(view)
            time.sleep(0.01)
        assert view.followed == 1  # and not again before five seconds are over
        ended = time.monotonic()
    assert view.published == 1
    assert time.monotonic() - ended < 1


def test_a_tracker_that_gets_on_is_waited_for_and_one_that_is_slow_is_not(layout, folder, monkeypatch, caplog):
    monkeypatch.setattr("dl4ia.tracking.live._PATIENCE", 0.5)
    sent = [Sent(str(number), 0.3) for number in range(3)]
    with Live(layout, folder) as live:
        for view in sent:
            live(view)
    assert all(view.published for view in sent)
    assert messages(caplog) == []
    with Live(layout, folder) as live:
        live(Sent("slow", 60))
        started = time.monotonic()
    assert time.monotonic() - started < 5
    (message,) = messages(caplog)
    assert message.endswith("the tracker takes too long: `make publish` sends the rest")


def test_a_view_that_cannot_be_read_is_reported_and_the_others_are_shown(layout, folder, caplog):
    good = Sent("good")
    with Live(layout, folder) as live:
        live(Sent("bad", error=RunError("status.json is damaged")))
        live(good)
    assert good.published
    assert messages(caplog) == ["not tracked, which changes nothing else: bad: status.json is damaged"]


@pytest.mark.field("mlflow/mlflow#5917", "a refused connection ends the training")
def test_a_tracker_that_is_not_available_is_reported_once_and_costs_the_training_nothing(
    params, layout, monkeypatch, caplog
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    variants = {NAME: shortened(params.variant(NAME), seeds=(0, 1))}
    todo = experiments(params.model_copy(update={"variants": variants}), [NAME], layout)
    with caplog.at_level(logging.WARNING, "dl4ia"), Live(layout) as live:
        train_all(todo, Inline(), lambda progress: live(RunView(progress.experiment)))
    assert all(experiment.run.status().state == "finished" for experiment in todo)
    (message,) = messages(caplog)
    assert "MLflow at http://127.0.0.1:9 is not available (ConnectionRefusedError" in message
    assert message.endswith("check it, then `make publish` sends the rest")


def test_publishing_names_all_that_failed_and_what_for(layout, folder):
    bad = [Sent("bad", error=RunError("x is damaged")), Sent("worse", error=RunError("x is damaged"))]
    refused = Sent("refused", error=TrackerError("too long"))
    last = Sent("last")
    with pytest.raises(UserError) as caught:
        publish([*bad, refused, Sent("broken", error=ZeroDivisionError("1 / 0")), last], layout, folder)
    assert str(caught.value) == (
        "1 runs and studies were published, not these: bad, worse: x is damaged; refused: too long; "
        "broken: ZeroDivisionError: 1 / 0"
    )
    assert last.published


def test_publishing_ends_at_an_outage(layout, folder):
    last = Sent("last")
    with pytest.raises(UserError, match="not these: first and all after it: it is gone"):
        publish([Sent("first", error=OutageError("it is gone")), last], layout, folder)
    assert not last.published


@pytest.mark.slow
def test_publishing_lets_trainings_that_are_under_way_be_tracked(layout, folder):
    """Which need the same lock, for a moment, and look for it now and then."""
    publishing = threading.Thread(target=publish, args=([Sent(str(n), 0.25) for n in range(16)], layout, folder))
    publishing.start()
    time.sleep(0.5)
    started = time.monotonic()
    with FileLock(layout.root / "mlflow.db.lock", timeout=60):
        waited = time.monotonic() - started
        assert publishing.is_alive()
    publishing.join()
    assert waited < 2


def test_a_lock_that_another_process_keeps_is_an_error(layout, folder, monkeypatch):
    monkeypatch.setattr("dl4ia.tracking.live._LOCK_PATIENCE", 0.2)
    held, done = threading.Event(), threading.Event()

    def hold():
        with FileLock(layout.root / "mlflow.db.lock"):
            held.set()
            done.wait()

    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    with pytest.raises(OutageError, match="mlflow.db.lock is locked by another process: wait for it, or stop it"):
        publish([], layout, folder)
    done.set()
