import json

import numpy as np
import pandas as pd
import pytest
import torch

from dl4ia.data.imageset import ImageSet
from dl4ia.errors import RunError
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import Experiment, Normalization, network_for
from dl4ia.train import train
from tests.conftest import shortened


@pytest.fixture
def evaluated(request, params, layout):
    """A variant trained for a moment, and the folder of its evaluation."""
    variant = shortened(params.variant(request.param), iterations=20)
    experiment = Experiment(request.param, variant, 0, layout)
    train(experiment, lambda _: None)
    return experiment, evaluate_variant(request.param, variant, layout)[0]


def guesses(experiment, images):
    network = network_for(experiment.variant).eval()
    network.load_state_dict(experiment.run.weights)
    standard = Normalization(**experiment.run.config["normalization"]).apply(images.images)
    with torch.inference_mode():
        return network(standard).argmax(1).numpy()


@pytest.mark.parametrize("evaluated", ["mnist-fc"], indirect=True)
def test_a_classifier_is_measured_on_every_set(evaluated, layout):
    experiment, folder = evaluated
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {name.split("/")[0] for name in metrics} == {"train", "validation", "test"}
    test = ImageSet.load(layout.dataset("mnist", "test"))
    assert metrics["test/accuracy"] == pytest.approx((guesses(experiment, test) == test.targets).mean())
    matrix = pd.read_csv(folder / "confusion-test.csv", index_col="true").to_numpy()
    assert matrix.sum() == len(test)
    assert np.trace(matrix) / len(test) == pytest.approx(metrics["test/accuracy"])
    np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(test.targets, minlength=10))


@pytest.mark.parametrize("evaluated", ["mnist-fc"], indirect=True)
def test_the_examples_are_the_most_confident_mistakes(evaluated):
    _, folder = evaluated
    table = pd.read_csv(folder / "images.csv")
    wrong = table[(table["partition"] == "test") & (table["label"] != table["guess"])]
    with np.load(folder / "examples.npz") as examples:
        assert (examples["targets"] != examples["guesses"]).all()
        np.testing.assert_allclose(examples["score"], wrong["confidence"].nlargest(16), rtol=1e-5)


@pytest.mark.parametrize("evaluated", ["warwick-start", "warwick-baseline"], indirect=True)
def test_a_segmenter_is_measured_on_every_set(evaluated, layout):
    experiment, folder = evaluated
    metrics = json.loads((folder / "metrics.json").read_text())
    parts = {"train", "validation", "test_a", "test_b"} - (
        {"validation"} if experiment.name == "warwick-baseline" else set()
    )
    assert {name.split("/")[0] for name in metrics} == parts
    test = ImageSet.load(layout.dataset("warwick", "test")).part("test_b")
    found, truth = guesses(experiment, test), test.targets
    both = 2 * (found & truth).sum() / max(1, found.sum() + truth.sum())
    assert metrics["test_b/dice_pooled"] == pytest.approx(both)
    table = pd.read_csv(folder / "images.csv").groupby("partition")["dice"]
    assert metrics["test_a/dice"] == pytest.approx(table.mean()["test_a"])
    assert table.size()["test_a"] == 60


@pytest.mark.parametrize("evaluated", ["warwick-start"], indirect=True)
def test_the_examples_are_the_worst_and_the_best(evaluated):
    _, folder = evaluated
    table = pd.read_csv(folder / "images.csv")
    dice = table[table["partition"] == "test_a"]["dice"].sort_values()
    with np.load(folder / "examples.npz") as examples:
        np.testing.assert_allclose(examples["score"], [*dice[:4], *dice[-4:]], rtol=1e-5)


@pytest.mark.parametrize("evaluated", ["mnist-fc"], indirect=True)
def test_a_variant_has_the_means_over_its_seeds_and_all_its_curves(evaluated, layout):
    _, folder = evaluated
    means = json.loads((layout.evaluation("mnist-fc") / "metrics.json").read_text())
    one = json.loads((folder / "metrics.json").read_text())
    assert means["test_accuracy"] == pytest.approx(one["test/accuracy"])
    assert means["seeds"] == 1
    curves = pd.read_csv(layout.evaluation("mnist-fc") / "curves.csv")
    assert {"step", "seed", "train/loss", "validation/accuracy"} <= set(curves)


def test_what_was_not_trained_cannot_be_evaluated(params, layout):
    with pytest.raises(RunError, match="status.json is missing: run `dvc repro`"):
        evaluate_variant("mnist-fc", params.variant("mnist-fc"), layout)
