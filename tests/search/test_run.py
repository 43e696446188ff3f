"""What a study promises, whoever runs it."""

import json
import signal
import sys
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from torch import nn

from dl4ia.base.errors import DataError, RunError, UserError
from dl4ia.config import Choices, OnFolds, OnSplit, Range, Settings, Study
from dl4ia.data.splits import STRATEGIES, SplitSizes, save_splits
from dl4ia.execution.signals import Interrupted
from dl4ia.models import NETWORKS, NetworkConfig
from dl4ia.runs.experiment import fit_network
from dl4ia.runs.train import Experiment, train_all
from tests.runs.inline import Inline
from tests.search.conftest import POINT, disks, run, small


def choices(*values) -> Choices:
    return Choices(kind="choices", choices=values)


def rates(*values) -> dict[str, Choices]:
    return {"optimizer.learning_rate": choices(*values)}


def trials_of(directory) -> pd.DataFrame:
    """Return what is the same whenever a study is run."""
    return directory.table("trials").drop(columns=["started", "seconds"])


@pytest.fixture
def pruned(joint) -> dict[str, object]:
    """What makes a study of a good learning rate, then a bad one, with a pruner that compares them."""
    return {"space": rates(0.02, 1e-7), "trials": 2, "pruner": joint.pruner.model_copy(update={"startup": 1})}


def fail_once(monkeypatch, error: Exception) -> None:
    """Let the first network of a study fail."""
    errors = iter([error])

    def fit(*arguments):
        if failure := next(errors, None):
            raise failure
        return fit_network(*arguments)

    monkeypatch.setattr("dl4ia.search.score.fit_network", fit)


class Interrupting(Inline):
    """Is interrupted after its jobs have stopped, as local processes are by Ctrl-C."""

    def run(self, work, jobs, on_event):
        super().run(work, jobs, on_event)
        raise Interrupted(signal.SIGINT)


class Picky(NetworkConfig):
    """A network that does not take both of its settings at once."""

    kind: Literal["picky"]
    left: int
    right: int

    def check(self, signature) -> None:  # noqa: ARG002
        if self.left and self.right:
            raise ValueError("left and right exclude each other")

    def build(self, signature) -> nn.Module:
        return nn.Conv2d(signature.channels, signature.classes, 1)


def test_a_grid_is_covered_and_each_point_run_once(complete, grid):
    trials = complete.study("study").table("trials")
    assert (trials["state"] == "complete").all()
    assert sorted(map(tuple, trials[POINT].to_numpy())) == sorted(tuple(point.values()) for point in grid.grid())


def test_a_trial_is_worth_what_the_same_variant_scores(finished, grid):
    trials = finished.study("study").table("trials")
    point = {key: trials.loc[1, key] for key in POINT}
    experiment = Experiment("variant", grid.variant(point), grid.seed, finished)
    train_all([experiment], Inline(), lambda _: None)
    assert trials.loc[1, "value"] == experiment.run.history()["validation/dice"].iloc[-1]


def test_over_folds_a_trial_is_worth_the_mean(grid, search):
    directory = search(small(grid, objective=OnFolds(kind="folds", strategy="patient", folds=3), trials=1))
    curves = directory.table("curves")
    last = curves[curves["step"] == grid.iterations]
    assert last["fold"].tolist() == [1, 2, 3]
    assert directory.table("trials").loc[0, "value"] == pytest.approx(last["validation/dice"].mean(), abs=1e-12)


@pytest.mark.slow
def test_one_worker_and_a_seed_give_the_same_trials_twice(joint, search):
    first = trials_of(search(joint, "first"))
    pd.testing.assert_frame_equal(first, trials_of(search(joint, "second")))
    other = trials_of(search(small(joint, seed=1, trials=1), "third"))
    assert not first.head(1).equals(other)


@pytest.mark.slow
def test_tpe_prefers_what_was_good_after_the_startup_trials(joint, normalized, search):
    sampler = joint.sampler.model_copy(update={"startup": 4})
    trials = search(small(normalized, space=rates(1e-7, 0.02), iterations=6, trials=10, sampler=sampler)).table(
        "trials"
    )
    rate = trials["optimizer.learning_rate"]
    assert trials["value"].groupby(rate).mean().idxmax() == 0.02
    assert (rate[4:] == 0.02).sum() > (rate[4:] == 1e-7).sum()


def test_more_trials_extend_a_study(joint, search):
    joint = small(joint, trials=3)
    whole = trials_of(search(joint, "whole"))
    search(small(joint, trials=2), "parts")
    pd.testing.assert_frame_equal(whole, trials_of(search(joint, "parts")))


def test_a_complete_study_is_only_written(grid, finished, monkeypatch):
    path = finished.study("study").results / "trials.csv"
    before = path.read_bytes()
    path.unlink()
    monkeypatch.setattr("dl4ia.search.score.fit_network", None)
    run(grid, finished)
    assert path.read_bytes() == before


def test_the_best_settings_are_those_of_a_variant(joint, search):
    directory = search(small(joint, trials=3))
    best = YAML(typ="safe").load(directory.best)
    trials = directory.table("trials").set_index("trial")
    assert best["value"] == trials["value"].max() == trials.loc[best["trial"], "value"]
    budget = {"seeds": [0], "iterations": 1, "evaluate_every": 1, "split": {"strategy": "none"}}
    assert best["settings"].keys().isdisjoint(budget)
    assert Settings.model_validate_json(json.dumps(best["settings"] | budget))


def test_status_tables_and_best_settings_are_left(complete):
    directory = complete.study("study")
    tables = {"curves.csv", "importances.csv", "trials.csv"}
    assert {path.name for path in directory.path.iterdir()} == {"status.json"}
    assert {path.name for path in directory.results.iterdir()} == tables | {"best.yaml"}
    status = directory.status()
    assert (status.state, status.workers, status.threads, status.device) == ("finished", 1, 1, "cpu")
    assert not complete.checkpoints(status.key).exists()


def test_curves_have_the_columns_of_a_history(complete):
    curves = complete.study("study").table("curves")
    assert curves.columns.tolist()[:6] == ["trial", "fold", "step", "epoch", "seconds", "learning_rate"]
    assert {"train/loss", "validation/loss", "train/dice", "validation/dice"} <= set(curves)
    assert curves.groupby("trial").size().tolist() == [2] * 8


def test_progress_is_reported_from_the_start_and_after_each_trial(grid, search):
    seen = []
    search(small(grid, trials=2), observe=seen.append)
    assert [(progress.ended, progress.trials) for progress in seen] == [(0, 2), (1, 2), (2, 2), (2, 2)]
    assert np.isnan(seen[0].best)
    assert seen[-1].best == max(progress.best for progress in seen[1:])


def test_no_test_file_is_opened(grid, search, layout):
    opened = []
    watching = True

    def watch(event, arguments):
        if watching and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    search(small(grid, trials=1), "grid")
    search(small(grid, trials=1, objective=OnFolds(kind="folds", strategy="random", folds=2)), "folds")
    watching = False
    below = [path for path in opened if path.startswith(str(layout.root))]
    assert str(layout.dataset("warwick", "train")) in below
    assert not [path for path in below if "test" in path.removeprefix(str(layout.root))]


@pytest.mark.field("himkt/allennlp-optuna#49", "a loss that is not a number ends the whole search")
def test_a_diverged_trial_is_recorded_and_the_others_continue(grid, search):
    trials = search(small(grid, space=rates(1e30, 0.01), trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete"]
    assert trials.loc[0, "error"].startswith("DivergedError: the")
    assert "loss is nan after" in trials.loc[0, "error"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [MemoryError("1 TiB"), torch.OutOfMemoryError("CUDA out of memory.\nTried 1 TiB")])
def test_lack_of_memory_fails_one_trial(grid, search, monkeypatch, error):
    fail_once(monkeypatch, error)
    trials = search(small(grid, trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete"]
    assert trials.loc[0, "error"] == f"{type(error).__name__}: {' '.join(str(error).split())}"


def test_a_fault_that_is_no_result_of_a_point_stops_the_study_and_its_trial_is_repeated(grid, search, monkeypatch):
    fail_once(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        search(small(grid, trials=2))
    trials = search(small(grid, trials=2)).table("trials")
    assert trials["state"].tolist() == ["failed", "complete", "complete"]
    assert trials.loc[0, "error"] == "interrupted"
    assert trials.loc[[0], POINT].to_numpy().tolist() == trials.loc[[2], POINT].to_numpy().tolist()


def test_a_point_without_a_network_is_a_failed_trial_with_one_line(grid, search, monkeypatch):
    monkeypatch.setitem(NETWORKS._schemas, "picky", Picky)
    base = grid.base | {"network": {"kind": "picky", "left": 0, "right": 0}}
    space = {"network.left": choices(0, 1), "network.right": choices(0, 1)}
    trials = search(small(grid, base=base, space=space, trials=4)).table("trials")
    assert trials["state"].tolist() == ["complete"] * 3 + ["failed"]
    expected = "ConfigError: settings.network: left and right exclude each other"
    assert trials.loc[3, "error"] == expected


@pytest.mark.field("optuna/optuna#2151", "a resumed study ends in ValueError: No trials are completed yet")
def test_a_study_of_which_no_trial_is_complete_is_an_error(grid, search, layout):
    with pytest.raises(RunError, match="no trial of study 'study' is complete: DivergedError: the .* loss is nan"):
        search(small(grid, space=rates(1e30), trials=1))
    assert layout.study("study").status().state == "stopped"
    assert not layout.study("study").best.exists()


def test_no_more_workers_are_started_than_trials_are_left(grid, search):
    started = []

    class Counting(Inline):
        def run(self, work, jobs, on_event):
            started.append(len(jobs))
            return super().run(work, jobs, on_event)

    search(small(grid, trials=2), executor=Counting(workers=16))
    assert started == [2]


def test_a_trial_that_is_not_promising_is_pruned(normalized, pruned, search):
    directory = search(small(normalized, **pruned, iterations=9, evaluate_every=3))
    trials, curves = directory.table("trials"), directory.table("curves")
    assert trials["state"].tolist() == ["complete", "pruned"]
    assert np.isnan(trials.loc[1, "value"])
    assert curves["trial"].value_counts().tolist() == [3, 1]


def test_over_folds_a_trial_is_pruned_between_two(normalized, pruned, search):
    objective = OnFolds(kind="folds", strategy="random", folds=2)
    directory = search(small(normalized, **pruned, objective=objective, iterations=6, evaluate_every=6))
    assert directory.table("trials")["state"].tolist() == ["complete", "pruned"]
    assert directory.table("curves")["fold"].tolist() == [1, 2, 1]


@pytest.mark.slow
def test_a_trial_is_not_pruned_after_its_last_point(normalized, pruned, search):
    directory = search(small(normalized, **pruned, iterations=6, evaluate_every=6))
    assert directory.table("trials")["state"].tolist() == ["complete", "complete"]


@pytest.mark.slow
def test_time_is_up_before_all_trials_were_run(grid, search, layout):
    grid = small(grid, space=rates(0.001, 0.01), trials=2)
    search(small(grid, trials=1))
    with pytest.raises(RunError, match="1e-09 hours are over and 1 of 2 trials are done: the same command continues"):
        search(small(grid, hours=1e-9))
    directory = layout.study("study")
    assert directory.status().state == "stopped"
    assert len(directory.table("trials")) == 1
    assert not directory.best.exists()
    assert search(grid).status().state == "finished"
    assert len(directory.table("trials")) == 2
    assert directory.best.exists()


def test_a_trial_that_is_asked_to_stop_continues_from_its_checkpoint(grid, search, layout, complete):
    answers = iter([False, False, True])  # before the first trial and after its first iteration; then the stop
    with pytest.raises(Interrupted):
        search(small(grid, trials=1, iterations=4), executor=Interrupting(lambda: next(answers)))
    status = layout.study("study").status()
    assert status.state == "stopped"
    assert [path.name for path in layout.checkpoints(status.key).rglob("*.checkpoint")] == ["000000002.checkpoint"]
    directory = search(small(grid, trials=1, iterations=4))
    assert directory.table("trials")["error"].fillna("").tolist() == ["interrupted", ""]
    curves = directory.table("curves").drop(columns="trial")
    earlier, resumed = curves.iloc[:1], curves.iloc[1:]
    pd.testing.assert_frame_equal(resumed.head(1).reset_index(drop=True), earlier)  # its seconds, too
    whole = search(small(grid, trials=1, iterations=4), "whole").table("trials")
    assert directory.table("trials").loc[1, "value"] == whole.loc[0, "value"]


@pytest.mark.slow
def test_width_and_levels_may_be_ranges(joint, normalized, search):
    space = {
        "network.width": Range(kind="range", low=2, high=6, log=True),
        "network.levels": Range(kind="range", low=1, high=2, log=False),
    }
    directory = search(small(normalized, space=space, iterations=6, trials=3, sampler=joint.sampler))
    trials = directory.table("trials")
    assert (trials["state"] == "complete").all()
    assert trials["network.width"].between(2, 6).all()
    assert isinstance(YAML(typ="safe").load(directory.best)["settings"]["network"]["width"], int)
    assert set(directory.table("importances")["parameter"]) == {*space, "interactions"}


@pytest.mark.slow
def test_a_study_of_digits_maximises_their_accuracy(params, digits, layout, search):
    train = digits.take(range(200))
    train.save(layout.dataset("mnist", "train"))
    save_splits(layout.split("mnist", "random"), STRATEGIES["random"](train, SplitSizes(seed=0, validation=50)))
    base = params.variant("mnist-fc").settings.model_dump(mode="json") | {"batch_size": 50}
    study = Study(
        task="mnist", about="", space=rates(0.01, 0.001), base=base, sampler={"kind": "grid"}, pruner={"kind": "none"},
        objective=OnSplit(kind="split", strategy="random"), trials=2, iterations=8, evaluate_every=4, seed=0, hours=1.0,
    )  # fmt: skip
    directory = search(study)
    curves, values = directory.table("curves"), directory.table("trials")["value"]
    assert curves.loc[curves["step"] == 8, "validation/accuracy"].tolist() == values.tolist()
    assert values.max() > 0.2


def test_without_training_images_there_is_nothing_to_search_on(grid, search, layout):
    layout.dataset("warwick", "train").unlink()
    with pytest.raises(DataError, match="warwick-train.npz is missing: run `dvc repro split` first"):
        search(grid)


@pytest.mark.slow
def test_a_constant_channel_is_a_fault_of_the_data_and_not_of_a_trial(grid, search, layout):
    images = disks()
    replace(images, images=np.zeros_like(images.images)).save(layout.dataset("warwick", "train"))
    with pytest.raises(DataError, match="channel 1 of 2 has the same value in all training images"):
        search(grid)


def test_a_device_that_is_not_available_is_refused_before_anything_is_written(grid, search, layout):
    with pytest.raises(UserError, match="device: got 'mps'"):
        search(grid, device="mps")
    assert not (layout.root / "studies.db").exists()
