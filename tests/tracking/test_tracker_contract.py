"""What every tracker promises: the same tests for each."""

import pytest

from tests.tracking.samples import GONE, finished, model, points, running
from tests.tracking.storages import Contents, Folder, Mlflow


@pytest.mark.parametrize("kind", [Mlflow, Folder])
class TestTracker:
    """Contract of `Tracker`."""

    @pytest.fixture
    def storage(self, kind, tmp_path, empty):
        return kind(tmp_path, empty)

    def test_all_of_a_record_is_shown(self, storage):
        storage.open().update(finished(0.9, 0.5, files={"table.csv": b"a,b\n"}, model=model()))
        assert storage.contents()["fc/seed-0"] == Contents(
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
            run = storage.contents()["fc/seed-0"]
            assert run.state == record.state
            assert sum(map(len, run.points.values())) == len(record.points)
        assert run.metrics == {"final/test_accuracy": [0.5]}

    def test_updating_again_changes_nothing(self, storage):
        for _ in range(2):
            tracker = storage.open()
            for _ in range(2):
                tracker.update(finished(0.9, 0.5))
        assert storage.contents()["fc/seed-0"].points == {"curve/train_loss": {1: [0.9], 2: [0.5]}}
        assert storage.contents()["fc/seed-0"].metrics == {"final/test_accuracy": [0.5]}

    def test_what_is_known_later_is_added(self, storage):
        storage.open().update(finished(0.9, metrics={}))
        storage.open().update(finished(0.9, files={"table.csv": b"1"}))
        assert storage.contents()["fc/seed-0"].metrics == {"final/test_accuracy": [0.5]}
        assert storage.contents()["fc/seed-0"].files == {"table.csv": b"1"}

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
    @pytest.mark.field("everycure-org/matrix#538", "running a stage again clashes with its earlier run")
    def test_a_run_that_was_trained_again_is_replaced_and_nothing_of_the_first_remains(self, storage, again):
        storage.open().update(finished(0.9, 0.5, files={"confusion.csv": b"old"}))
        storage.open().update(again)
        (run,) = storage.contents().values()
        assert run.points["curve/train_loss"] == {step: [value] for step, _, value in again.points.to_numpy()}
        assert run.params == again.params
        assert run.metrics == {}
        assert run.files == {}

    def test_a_run_that_was_evaluated_otherwise_has_the_new_metrics_alone(self, storage):
        storage.open().update(finished(0.9, accuracy=0.5))
        storage.open().update(finished(0.9, accuracy=0.6))
        assert storage.contents()["fc/seed-0"].metrics == {"final/test_accuracy": [0.6]}

    def test_a_run_that_is_trained_again_is_replaced_as_soon_as_its_points_differ(self, storage):
        storage.open().update(finished(0.9, 0.5))
        tracker = storage.open()
        tracker.update(running())
        assert storage.contents()["fc/seed-0"].state == "running"
        tracker.update(running(0.8))
        assert storage.contents()["fc/seed-0"].points == {"curve/train_loss": {1: [0.8]}}
        assert storage.contents()["fc/seed-0"].metrics == {}

    def test_a_run_that_was_begun_again_and_ends_as_before_is_finished(self, storage):
        storage.open().update(finished(0.9, 0.5))
        tracker = storage.open()
        tracker.update(running(0.9, 0.5))
        tracker.update(finished(0.9, 0.5))
        assert storage.contents()["fc/seed-0"].state == "finished"

    def test_a_run_that_was_begun_again_and_killed_is_finished_when_it_is_published(self, storage):
        storage.open().update(finished(0.9, 0.5))
        storage.open().update(running(0.9, 0.5, process=GONE))
        storage.open().end_abandoned()
        storage.open().update(finished(0.9, 0.5))
        assert storage.contents()["fc/seed-0"].state == "finished"

    @pytest.mark.field("mlflow/mlflow#4248", "points between checkpoint and interruption are logged twice")
    def test_a_run_that_is_resumed_from_an_earlier_point_keeps_its_points(self, storage):
        tracker = storage.open()
        for record in (running(0.9, 0.5, 0.4), running(0.9), running(0.9, 0.5)):
            tracker.update(record)
            assert len(storage.contents()["fc/seed-0"].points["curve/train_loss"]) == 3
        tracker.update(running(0.9, 0.5, 0.3))
        assert storage.contents()["fc/seed-0"].points == {"curve/train_loss": {1: [0.9], 2: [0.5], 3: [0.3]}}

    @pytest.mark.parametrize("state", ["stopped", "diverged", "failed", "pruned"])
    def test_states_are_kept_apart_and_errors_are_shown(self, storage, state):
        storage.open().update(running(0.9, state=state, error="RuntimeError: out of memory", ended=1010.0))
        assert storage.contents()["fc/seed-0"].state == state
        assert storage.contents()["fc/seed-0"].tags["error"] == "RuntimeError: out of memory"

    @pytest.mark.field("mlflow/mlflow#3228", "a resumed run keeps the state of its end")
    def test_a_run_that_failed_and_was_resumed_has_no_error(self, storage):
        storage.open().update(running(0.9, state="failed", error="RuntimeError: out of memory"))
        storage.open().update(finished(0.9, 0.5))
        assert "error" not in storage.contents()["fc/seed-0"].tags

    def test_trials_belong_to_their_study(self, storage):
        study = running(key="study", name="study", points=points(0.7))
        trial = finished(0.9, key="study/0", name="study/trial-0", parent="study")
        tracker = storage.open()
        tracker.update(study)
        tracker.update(trial)
        assert {name: run.parent for name, run in storage.contents().items()} == {
            "study": None,
            "study/trial-0": "study",
        }

    def test_trials_belong_to_a_study_that_was_replaced(self, storage):
        trial = finished(0.9, key="study/0", name="study/trial-0", parent="study")
        for value in (0.7, 0.8):
            tracker = storage.open()
            tracker.update(finished(value, key="study", name="study"))
            tracker.update(trial)
        assert storage.contents()["study/trial-0"].parent == "study"

    @pytest.mark.field("NVIDIA-NeMo/Automodel#2231", "a run that crashed or was killed does not look so")
    def test_runs_of_processes_that_have_ended_are_stopped(self, storage):
        tracker = storage.open()
        tracker.update(running(0.9, key="1", name="killed", process=GONE))
        tracker.update(running(0.9, key="2", name="alive"))
        storage.open().end_abandoned()
        assert {name: run.state for name, run in storage.contents().items()} == {
            "killed": "stopped",
            "alive": "running",
        }

    def test_the_champion_is_the_one_that_was_registered_last(self, storage):
        for content, about in (("some weights", "The first."), ("some weights", "Best."), ("other weights", "Better.")):
            tracker = storage.open()
            tracker.update(finished(0.9, content=content, model=model()))
            tracker.register("digits", about, finished().key)
            assert storage.champions() == {"digits": ("fc/seed-0", content, about)}

    def test_a_run_without_a_model_is_no_champion(self, storage):
        tracker = storage.open()
        tracker.update(running(0.9))
        tracker.register("digits", "Not trained yet.", running().key)
        assert storage.champions() == {}

    def test_each_group_has_a_page(self, storage):
        tracker = storage.open()
        tracker.update(running())
        assert tracker.pages.keys() == {"digits"}
        assert all("://" in address for address in tracker.pages.values())
