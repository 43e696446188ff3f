"""What a study promises, whoever runs it."""

import json
import sys
import time

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from ruamel.yaml import YAML

from dl4ia import config
from dl4ia.config import WarwickSettings
from dl4ia.errors import DataError, RunError
from dl4ia.experiment import Experiment, fit_network
from dl4ia.search import queue, storage
from dl4ia.search.queue import enqueue
from dl4ia.train import train
from tests.search.conftest import small

POINT = ["regularization.kind", "regularization.strength"]


def told(directory) -> pd.DataFrame:
    return directory.table("trials").drop(columns=["started", "seconds"])


def test_a_grid_is_covered_each_point_once(grid, search):
    trials = search(grid, workers=2).table("trials")
    assert (trials["state"] == "complete").all()
    assert sorted(map(tuple, trials[POINT].to_numpy())) == sorted(tuple(point.values()) for point in grid.grid())


def test_a_trial_is_worth_what_the_same_variant_scores(grid, search, layout):
    trials = search(small(grid, trials=2)).table("trials")
    point = {key: trials.loc[1, key] for key in POINT}
    experiment = Experiment("variant", grid.variant(point), grid.seed, layout)
    train(experiment, lambda _: None)
    assert trials.loc[1, "value"] == experiment.run.history["validation/dice"].iloc[-1]


def test_over_folds_a_trial_is_worth_the_mean(grid, search):
    folds = config.OnFolds(kind="folds", strategy="patient", folds=3)
    directory = search(small(grid, objective=folds, trials=1))
    curves = directory.table("curves")
    last = curves[curves["step"] == grid.iterations]
    assert last["fold"].tolist() == [1, 2, 3]
    assert directory.table("trials").loc[0, "value"] == pytest.approx(last["validation/dice"].mean(), abs=1e-12)


def test_one_worker_and_a_seed_give_the_same_trials_twice(joint, search):
    first = told(search(joint, "first"))
    pd.testing.assert_frame_equal(first, told(search(joint, "second")))
    assert not first.equals(told(search(small(joint, seed=1), "third")))


def test_a_study_in_two_goes_is_the_study_in_one(joint, search):
    whole = told(search(joint, "whole"))
    search(small(joint, trials=4), "parts")
    pd.testing.assert_frame_equal(whole, told(search(joint, "parts")))


def test_a_complete_study_is_not_run_again(grid, search, layout):
    grid = small(grid, trials=2)
    search(grid)
    before = (layout.study("study").path / "trials.csv").read_bytes()
    (layout.study("study").path / "trials.csv").unlink()
    search(grid)
    assert (layout.study("study").path / "trials.csv").read_bytes() == before


def test_the_best_settings_are_those_of_a_variant(joint, search):
    directory = search(joint)
    best = YAML(typ="safe").load(directory.path / "best.yaml")
    trials = directory.table("trials")
    assert best["value"] == trials["value"].max()
    assert trials.set_index("trial").loc[best["trial"], "value"] == best["value"]
    budget = {"seeds": [0], "iterations": 1, "evaluate_every": 1, "device": "cpu", "split": {"strategy": "none"}}
    assert WarwickSettings.model_validate_json(json.dumps(best["settings"] | budget))


def test_pictures_and_tables_are_left(grid, joint, search):
    left = {"best.yaml", "curves.csv", "history.png", "importances.csv", "importances.png", "slices.png", "status.json",
            "parallel-coordinates.png", "trials.csv"}  # fmt: skip
    assert {path.name for path in search(small(grid, trials=3), "grid").path.iterdir()} == left | {"lambda.png"}
    assert {path.name for path in search(joint, "joint").path.iterdir()} == left | {"lambda.png", "widths.png"}


def test_no_test_file_is_opened_nor_needed(grid, joint, search, layout):
    for task in ("mnist", "warwick"):
        layout.dataset(task, "test").unlink()
    opened = []
    watching = True

    def watch(event, arguments):
        if watching and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    folds = config.OnFolds(kind="folds", strategy="random", folds=2)
    search(small(grid, trials=2), "grid")
    search(small(joint, trials=2, objective=folds), "joint")
    watching = False
    below = [path for path in opened if path.startswith(str(layout.root))]
    assert str(layout.dataset("warwick", "train")) in below
    assert not [path for path in below if "test" in path.removeprefix(str(layout.root))]


def test_a_trial_that_fails_is_recorded_and_the_others_go_on(grid, search):
    rates = {"optimizer.learning_rate": config.Choices(kind="choices", choices=(1e30, 0.01))}
    trials = search(small(grid, space=rates, trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete"]
    assert "DivergedError: the loss is nan after" in trials.loc[0, "error"]


def test_want_of_memory_fails_a_trial_alone(grid, search, monkeypatch):
    wanted = iter([MemoryError("cannot have 1 TiB"), None])

    def greedy(*arguments):
        if error := next(wanted):
            raise error
        return fit_network(*arguments)

    monkeypatch.setattr("dl4ia.search.objective.fit_network", greedy)
    trials = search(small(grid, trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete"]
    assert trials.loc[0, "error"] == "MemoryError: cannot have 1 TiB"


def test_a_study_of_which_no_trial_ends_well_is_an_error(grid, search):
    rates = {"optimizer.learning_rate": config.Choices(kind="choices", choices=(1e30,))}
    with pytest.raises(RunError, match="no trial of study has come to its end: DivergedError: the loss is nan"):
        search(small(grid, space=rates, trials=1))


def test_trials_are_stopped_where_they_cannot_become_good(joint, search):
    pruner = joint.pruner.model_copy(update={"startup": 1})
    trials = search(small(joint, pruner=pruner, trials=12)).table("trials")
    assert set(trials["state"]) == {"complete", "pruned"}
    assert trials.loc[trials["state"] == "pruned", "value"].isna().all()


def test_time_is_up_before_all_trials_were_tried(grid, search, layout):
    search(small(grid, trials=1))
    directory = search(small(grid, hours=1e-9))
    assert directory.status["state"] == "stopped"
    assert len(directory.table("trials")) == 1
    assert search(grid).status["state"] == "finished"


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"iterations": 3}, "another iterations: 2 there, 3 now"),
        ({"seed": 7}, "another seed: 0 there, 7 now"),
        (
            {"space": {"regularization.strength": config.Choices(kind="choices", choices=(0.0, 0.5))}},
            r"another space.regularization.strength.choices: \[0.0, 0.001, 0.005, 0.01\] there, \[0.0, 0.5\] now",
        ),
    ],
)
def test_a_study_that_exists_with_another_space_says_what_differs_and_how_to_go_on(grid, search, change, difference):
    search(small(grid, trials=1))
    with pytest.raises(RunError, match=f"study 'study' in sqlite:.* was made with {difference}") as raised:
        search(small(grid, trials=1, **change))
    assert "optuna delete-study --study-name study --storage sqlite:" in str(raised.value)


def test_a_study_of_other_data_is_not_gone_on_with(grid, search, layout, glands):
    search(small(grid, trials=1))
    glands.part("train").take(range(40)).save(layout.dataset("warwick", "train"))
    with pytest.raises(RunError, match="was made with another data: "):
        search(small(grid, trials=1))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nobody@127.0.0.1:9/studies",
        "sqlite:////proc/studies.db",
        "nosuchbase://here",
        "not an address",
    ],
)
def test_a_storage_that_cannot_be_had_is_one_line(grid, search, url):
    with pytest.raises(RunError, match="no study can be kept at") as raised:
        search(grid, url=url)
    assert "\n" not in str(raised.value)


def test_without_training_images_there_is_nothing_to_search_on(grid, search, layout):
    layout.dataset("warwick", "train").unlink()
    with pytest.raises(DataError, match="warwick-train.npz is missing: run `dvc repro split` first"):
        search(grid)


def test_a_password_is_not_told(grid, search):
    with pytest.raises(RunError, match="kept at postgresql.*me:.*@127") as raised:
        search(grid, url="postgresql+psycopg://me:secret@127.0.0.1:9/studies")
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_one_line(grid, search, layout):
    (layout.root / "studies.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(RunError, match="no study can be kept at .*not a database"):
        search(grid)


def test_a_trial_that_was_killed_before_its_first_heartbeat_is_tried_again(grid, search, layout, monkeypatch):
    grid = small(grid, trials=2)
    study = storage.open_study("study", grid, layout, storage.default_url(layout))
    enqueue(grid, study, layout, 2)
    study.ask()  # and no more: as if its worker had died at once
    monkeypatch.setattr(storage, "GRACE", 1)
    monkeypatch.setattr(queue, "HEARTBEAT", 1)
    trials = search(grid).table("trials")
    assert trials["state"].tolist() == ["failed", "complete", "complete"]
    assert trials.loc[0, "error"] == "interrupted"
    complete = trials[trials["state"] == "complete"]
    assert sorted(map(tuple, complete[POINT].to_numpy())) == [("l2", 0.0), ("l2", 0.001)]


def test_a_trial_that_was_given_to_another_while_this_process_slept_counts_once(grid, search, layout, monkeypatch):
    def sleepy(*arguments):
        study = optuna.load_study(study_name="study", storage=storage.default_url(layout))
        monkeypatch.setattr("dl4ia.search.objective.fit_network", fit_network)
        (running,) = study.get_trials(states=(TrialState.RUNNING,))
        study.tell(running.number, state=TrialState.FAIL)
        storage.RetryHeartbeatStaleTrialCallback()(study, running)
        return fit_network(*arguments)

    monkeypatch.setattr("dl4ia.search.objective.fit_network", sleepy)
    trials = search(small(grid, trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete", "complete"]


def test_a_database_that_fails_in_the_middle_is_one_line(grid, search, layout, monkeypatch):
    def broken(*_):
        (layout.root / "studies.db").write_bytes(b"torn" * 10_000)

    monkeypatch.setattr("dl4ia.search.objective.fit_network", broken)
    with pytest.raises(RunError, match="no study can be kept at sqlite:.*"):
        search(small(grid, trials=2))


def test_a_database_that_fails_between_trials_is_one_line(grid, search, layout, monkeypatch):
    def broken(*_):
        (layout.root / "studies.db").write_bytes(b"torn" * 10_000)
        return enqueue(*_)

    monkeypatch.setattr("dl4ia.search.run.enqueue", broken)
    with pytest.raises(RunError, match="no study can be kept at sqlite:.*"):
        search(small(grid, trials=2))


def test_another_ones_running_trial_is_waited_for(grid, search, layout, monkeypatch):
    grid = small(grid, trials=2)
    study = storage.open_study("study", grid, layout, storage.default_url(layout))
    enqueue(grid, study, layout, 2)
    with optuna.storages._heartbeat.get_heartbeat_thread((theirs := study.ask())._trial_id, study._storage):
        naps = []

        def nap(seconds):
            naps.append(seconds)
            for key, dimension in grid.space.items():
                theirs.suggest_categorical(key, dimension.choices)
            study.tell(theirs, 0.5, skip_if_finished=True)

        monkeypatch.setattr(time, "sleep", nap)
        search(grid)
    assert naps
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
