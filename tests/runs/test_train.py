from dataclasses import replace

import pandas as pd
import pytest
import torch
from filelock import FileLock

from dl4ia.base.errors import DataError, RunError, UserError
from dl4ia.data.imageset import ImageSet
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs import train as module
from dl4ia.runs.train import Experiment, train_all
from tests.conftest import shortened
from tests.runs.inline import Inline


def ignore(_):
    return


def train(*experiments, executor=None, observe=ignore):
    train_all(experiments, executor or Inline(), observe)


def short(params, layout, name, seed=0, **changes):
    return Experiment(name, shortened(params.variant(name), **changes), seed, layout)


def forget_checkpoints(experiment):
    for path in experiment.layout.checkpoints(experiment.run.config().checkpoints_key).iterdir():
        path.unlink()


def result(experiment):
    """Return what an undisturbed training and an interrupted one must agree in."""
    run = experiment.run
    return (run.path / "model.safetensors").read_bytes(), run.history().drop(columns="seconds").to_csv(), run.config()


SLOW_NAMES = [pytest.param(name, marks=pytest.mark.slow) for name in ("warwick-baseline", "warwick-l2-1e-2")]


@pytest.mark.parametrize("name", ["mnist-batch-norm", "warwick-combined", *SLOW_NAMES])
def test_the_same_seed_gives_the_same_weights_twice(params, layout, name):
    experiment, weights = short(params, layout, name, seed=3), []
    for _ in range(2):
        train(experiment)
        weights.append((experiment.run.path / "model.safetensors").read_bytes())
        forget_checkpoints(experiment)
    assert weights[0] == weights[1]


def test_another_seed_gives_other_weights(params, layout):
    first, second = (short(params, layout, "mnist-fc", seed) for seed in (0, 1))
    train(first, second)
    one, other = first.run.weights(), second.run.weights()
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_a_run_directory_says_how_it_came_about(params, layout):
    experiment = short(params, layout, "mnist-fc")
    train(experiment)
    run, status = experiment.run, experiment.run.status()
    names = {path.name for path in run.path.iterdir()}
    assert names == {"config.json", "history.csv", "model.safetensors", "status.json"}
    assert (status.state, status.device, status.threads) == ("finished", "cpu", 1)
    assert run.config().settings["batch_size"] == 4
    assert run.history()["step"].tolist() == [2, 4]
    assert run.history()["learning_rate"].tolist() == [0.01, 0.01]


def test_progress_is_emitted_at_each_point_and_at_the_end(params, layout):
    events = []
    train(short(params, layout, "mnist-fc"), observe=events.append)
    assert [event.point and event.point.step for event in events] == [2, 4, None]


def test_no_test_file_is_needed_to_train(params, layout):
    layout.dataset("mnist", "test").unlink()
    experiment = short(params, layout, "mnist-fc")
    train(experiment)
    assert experiment.run.status().state == "finished"


def exploding(params, layout, seed=1):
    """Return an experiment whose loss soon is not a number."""
    optimizer = params.variant("mnist-fc").settings.optimizer.model_copy(update={"learning_rate": 1e30})
    return short(params, layout, "mnist-fc", seed, optimizer=optimizer)


def test_a_run_that_diverges_has_a_result_and_the_others_are_trained(params, layout):
    good, bad = short(params, layout, "mnist-fc"), exploding(params, layout)
    train(bad, good)
    assert good.run.status().state == "finished"
    assert bad.run.status().state == "diverged"
    assert bad.run.status().error.startswith("the training loss is nan after")
    assert not (bad.run.path / "model.safetensors").exists()


def test_a_validation_loss_that_is_not_finite_is_a_divergence(params, layout, monkeypatch):
    experiment = short(params, layout, "mnist-fc")
    monkeypatch.setattr("dl4ia.training.loop.predict", lambda _, images: torch.full((len(images), 10), torch.nan))
    train(experiment)
    assert experiment.run.status().error == "the validation loss is nan after 2 iterations"


def test_weights_that_the_last_step_makes_infinite_are_a_divergence(params, layout, monkeypatch):
    def overflowing(*args):
        network = fit_network(*args)
        torch.nn.init.constant_(next(network.parameters()), torch.inf)
        return network

    fit_network = module.fit_network
    monkeypatch.setattr(module, "fit_network", overflowing)
    experiment = short(params, layout, "mnist-fc")
    train(experiment)
    assert experiment.run.status().state == "diverged"
    assert experiment.run.status().error.endswith("weight is not finite after the last iteration")
    assert not (experiment.run.path / "model.safetensors").exists()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8e9 bytes"),
        MemoryError(),
    ],
)
def test_want_of_memory_is_a_fault_and_no_result(params, layout, monkeypatch, error):
    def exhausted(*_args):
        raise error

    monkeypatch.setattr(module, "fit_network", exhausted)
    experiment = short(params, layout, "mnist-fc")
    with pytest.raises(RunError, match=r"mnist-fc, seed 0: not enough memory on cpu: .* smaller batch_size"):
        train(experiment)
    assert experiment.run.status().state == "failed"
    assert experiment.run.status().error.startswith(type(error).__name__)


@pytest.mark.field("agaldran/a_v_uncertain#8", "CUDA is asked for where there is none: a traceback")
def test_a_device_that_is_not_there_is_refused_in_one_line(params, layout):
    experiment = Experiment("mnist-fc", shortened(params.variant("mnist-fc")), 0, layout, "mps")
    with pytest.raises(UserError, match="device: got 'mps', which this machine does not have; set auto or cpu"):
        train(experiment)


def test_a_constant_channel_cannot_be_standardised(params, layout, glands):
    part = glands.part("train")
    part.images[:, 1] = 0.5
    part.save(layout.dataset("warwick", "train"))
    with pytest.raises(DataError, match="channel 2 of 2 has the same value in all training images, which cannot"):
        train(short(params, layout, "warwick-start"))


def test_a_run_that_was_stopped_is_resumed_and_ends_as_if_it_had_not_been(params, layout):
    experiment = short(params, layout, "warwick-combined", iterations=8)
    train(experiment)
    expected = result(experiment)
    forget_checkpoints(experiment)
    asked = iter([False, False, False, False, True])
    with pytest.raises(RunError, match=r"warwick-combined, seed 0 is stopped: the same command resumes it$"):
        train(experiment, executor=Inline(lambda: next(asked)))
    assert experiment.run.status().state == "stopped"
    assert experiment.run.history()["step"].tolist() == [2, 4]
    assert not (experiment.run.path / "model.safetensors").exists()
    train(experiment)
    assert result(experiment) == expected
    assert (experiment.run.status().state, experiment.run.status().resumed_at) == ("finished", 5)


def test_a_finished_run_is_not_trained_again(params, layout):
    experiment = short(params, layout, "mnist-fc")
    train(experiment)
    expected = result(experiment)
    train(experiment, short(params, layout, "mnist-fc", seed=1))
    assert result(experiment) == expected
    assert experiment.run.status().resumed_at == 4


def test_processes_side_by_side_give_what_one_process_gives(params, layout):
    todo = [short(params, layout, "warwick-start", seed) for seed in (0, 1)]
    train(*todo)
    expected = [result(experiment) for experiment in todo]
    for experiment in todo:
        forget_checkpoints(experiment)
    train(*todo, executor=LocalProcesses(cores=2))
    assert [result(experiment) for experiment in todo] == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-cnn", "warwick-combined"])
def test_another_number_of_threads_changes_the_last_digits_alone(params, layout, name):
    experiment, results = short(params, layout, name), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        train(experiment)
        results.append((experiment.run.weights(), experiment.run.history().drop(columns="seconds")))
        forget_checkpoints(experiment)
    (weights, history), (other_weights, other_history) = results
    for key, value in weights.items():
        torch.testing.assert_close(value, other_weights[key], atol=1e-4, rtol=0)
    pd.testing.assert_frame_equal(history, other_history, check_exact=False, atol=1e-3)


def test_other_settings_are_not_resumed_from_these(params, layout):
    train(short(params, layout, "mnist-fc"))
    longer = short(params, layout, "mnist-fc", iterations=6)
    train(longer)
    assert longer.run.status().resumed_at is None


def test_a_variant_is_trained_by_one_process_at_a_time(params, layout, monkeypatch):
    monkeypatch.setattr("dl4ia.runs.train._PATIENCE", 0.1)
    experiment = short(params, layout, "mnist-fc")
    layout.lock("mnist-fc").parent.mkdir()
    with FileLock(layout.lock("mnist-fc")), pytest.raises(RunError, match="another process trains mnist-fc here"):
        train(experiment)
    train(experiment)


def test_each_fold_of_a_split_is_trained_by_another_seed(params, layout):
    folds = params.variant("warwick-start").settings.split.model_copy(update={"strategy": "patient-folds"})
    splits = [short(params, layout, "warwick-start", seed, split=folds).data()[1] for seed in range(6)]
    assert splits[5] == splits[0]
    assert sorted(index for split in splits[:5] for index in split.validation) == list(range(85))


def test_a_run_whose_content_was_trained_under_another_name_is_not_repeated(params, layout):
    tried, named = (short(params, layout, name) for name in ("mnist-fc", "mnist-cnn"))
    named = replace(named, variant=tried.variant)
    train(tried)
    train(named)
    assert named.run.status().resumed_at == tried.variant.settings.iterations
    assert result(named)[:2] == result(tried)[:2]
    assert named.run.config().key != tried.run.config().key


def test_arrays_of_other_channels_are_refused(params, layout):
    path = layout.dataset("mnist", "train")
    images = ImageSet.load(path)
    replace(images, images=images.images.repeat(3, axis=1)).save(path)
    message = r"mnist-train.npz: images of \(3, 28, 28\) and targets up to 9, expected \(1, 28, 28\) and at most 9: run"
    with pytest.raises(DataError, match=message):
        train(short(params, layout, "mnist-fc"))
