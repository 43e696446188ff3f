import json

import numpy as np
import pytest
import torch

from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.errors import RunError
from dl4ia.experiment import Experiment, Normalization, experiments, train, train_all
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


def test_rotations_are_added_to_the_training_part_alone(params, layout, monkeypatch):
    seen = {}

    def fit(network, optimizer, train, validation, task, **_):
        seen.update(train=train.images, validation=validation.images)

    monkeypatch.setattr("dl4ia.experiment.fit", fit)
    experiment = Experiment("warwick-rotations", shortened(params.variant("warwick-rotations")), 0, layout)
    train(experiment, ignore)
    split, data = Split.load(layout.split("warwick", "random")), ImageSet.load(layout.dataset("warwick", "train"))
    normalization = Normalization.of(data.take(split.train).images)
    validation = normalization.apply(data.take(split.validation).images)
    assert torch.equal(seen["validation"], validation)
    assert len(split.train) < len(seen["train"]) <= 2 * len(split.train)
    turned = {np.rot90(image, turns, (1, 2)).tobytes() for image in validation.numpy() for turns in range(4)}
    assert not turned & {image.numpy().tobytes() for image in seen["train"]}


def test_inputs_are_standardised_by_the_images_trained_on(glands):
    images = glands.part("train").images
    standard = Normalization.of(images).apply(images)
    torch.testing.assert_close(standard.mean((0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std((0, 2, 3)), torch.ones(2), atol=1e-4, rtol=0)


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
