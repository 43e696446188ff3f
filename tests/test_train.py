import json

import pandas as pd
import pytest
import torch
from filelock import FileLock

from dl4ia import parallel
from dl4ia.errors import RunError
from dl4ia.experiment import Experiment, experiments
from dl4ia.train import forget_checkpoints, train, train_all
from tests.conftest import shortened


def ignore(_):
    return


@pytest.mark.parametrize("name", ["mnist-batch-norm", "warwick-combined", "warwick-baseline", "warwick-l2-1e-2"])
def test_the_same_seed_gives_the_same_weights_twice(params, layout, name):
    experiment = Experiment(name, shortened(params.variant(name)), 3, layout)
    found = []
    for _ in range(2):
        train(experiment, ignore)
        found.append((experiment.run.path / "model.safetensors").read_bytes())
    assert found[0] == found[1]


def test_another_seed_gives_other_weights(params, layout):
    variant = shortened(params.variant("mnist-fc"), seeds=(0, 1))
    first, second = experiments("mnist-fc", variant, layout)
    train(first, ignore)
    train(second, ignore)
    assert not torch.equal(first.run.weights["1.weight"], second.run.weights["1.weight"])


def test_a_run_directory_says_how_it_came_about(params, layout):
    experiment = Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout)
    train(experiment, ignore)
    run = experiment.run
    assert {path.name for path in run.path.iterdir()} == {
        "config.json",
        "history.csv",
        "model.safetensors",
        "status.json",
    }
    assert set(run.status) >= {"state", "seconds", "versions", "device", "git_commit", "threads"}
    assert run.config["settings"]["batch_size"] == 4
    assert run.history["step"].tolist() == [2, 4]


def test_progress_is_emitted_at_each_point_and_at_the_end(params, layout):
    events = []
    train(Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout), events.append)
    assert [event.point and event.point.step for event in events] == [2, 4, None]


def test_no_test_file_is_needed_to_train(params, layout):
    for task in ("mnist", "warwick"):
        layout.dataset(task, "test").unlink()
    experiment = Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout)
    assert train_all([experiment], ignore) == [experiment.run]


def exploding(variant, **changes):
    """Return a variant whose loss soon is no number."""
    optimizer = variant.settings.optimizer.model_copy(update={"learning_rate": 1e30})
    return shortened(variant, optimizer=optimizer, **changes)


def test_a_run_that_diverges_is_marked_and_the_others_go_on(params, layout):
    good = Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout)
    bad = Experiment("mnist-fc", exploding(params.variant("mnist-fc")), 1, layout)
    assert train_all([bad, good], ignore) == [good.run]
    status = json.loads((bad.run.path / "status.json").read_text())
    assert status["state"] == "failed"
    assert "mnist-fc, seed 1: the loss is nan" in status["error"]
    assert not (bad.run.path / "model.safetensors").exists()


def test_a_variant_of_which_no_run_is_left_is_an_error(params, layout):
    bad = Experiment("mnist-fc", exploding(params.variant("mnist-fc")), 0, layout)
    with pytest.raises(RunError, match="every run of mnist-fc failed: mnist-fc, seed 0: the loss is nan after"):
        train_all([bad], ignore)


def result(run):
    """Return what an undisturbed training and an interrupted one must agree in."""
    return (run.path / "model.safetensors").read_bytes(), run.history.drop(columns="seconds").to_csv(), run.config


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(params, layout, monkeypatch):
    variant = shortened(params.variant("warwick-combined"), iterations=8)
    whole = Experiment("whole", variant, 0, layout)
    train(whole, ignore)
    expected = result(whole.run)
    forget_checkpoints([whole])
    (whole.run.path / "model.safetensors").unlink()
    looks = iter([False, False, False, False, True])
    monkeypatch.setattr("dl4ia.train.stopping", lambda: next(looks))
    train(whole, ignore)
    assert whole.run.status["state"] == "stopped"
    assert whole.run.history["step"].tolist() == [2, 4]
    assert not (whole.run.path / "model.safetensors").exists()
    monkeypatch.undo()
    train(whole, ignore)
    assert result(whole.run) == expected
    assert whole.run.status["resumed_at"] == 5
    assert whole.run.status["state"] == "finished"


def test_seeds_that_were_done_are_not_trained_again(params, layout, monkeypatch):
    todo = experiments("mnist-fc", shortened(params.variant("mnist-fc"), seeds=(0, 1)), layout)
    train(todo[0], ignore)
    expected = result(todo[0].run)
    train_all(todo, ignore)
    assert result(todo[0].run) == expected
    assert [item.run.status.get("resumed_at") for item in todo] == [4, None]


def test_one_after_another_gives_what_side_by_side_gives(params, layout, monkeypatch):
    todo = experiments("warwick-start", shortened(params.variant("warwick-start"), seeds=(0, 1)), layout)
    found = []
    for cores in (1, 2):
        monkeypatch.setattr(parallel, "cpu_count", lambda cores=cores: cores)
        found.append([result(run) for run in train_all(todo, ignore)])
        forget_checkpoints(todo)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["mnist-cnn", "warwick-combined"])
def test_another_number_of_threads_changes_the_last_digits_alone(params, layout, name):
    experiment = Experiment(name, shortened(params.variant(name)), 0, layout)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        train(experiment, ignore)
        found.append((experiment.run.weights, experiment.run.history.drop(columns="seconds")))
        forget_checkpoints([experiment])
    for weight, value in found[0][0].items():
        torch.testing.assert_close(value, found[1][0][weight], atol=1e-4, rtol=0)
    pd.testing.assert_frame_equal(found[0][1], found[1][1], check_exact=False, atol=1e-3)


def test_other_settings_do_not_go_on_from_these(params, layout):
    train(Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout), ignore)
    longer = Experiment("mnist-fc", shortened(params.variant("mnist-fc"), iterations=6), 0, layout)
    train(longer, ignore)
    assert "resumed_at" not in longer.run.status


def test_a_variant_is_trained_by_one_process_at_a_time(params, layout, monkeypatch):
    monkeypatch.setattr("dl4ia.train._PATIENCE", 0.1)
    experiment = Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout)
    with FileLock(layout.lock("mnist-fc")), pytest.raises(RunError, match="another process trains mnist-fc here"):
        train_all([experiment], ignore)
    train_all([experiment], ignore)
