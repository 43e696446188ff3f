import numpy as np
import pytest
import torch

from dl4ia.config import Settings
from dl4ia.runs import experiment as module
from dl4ia.runs.experiment import Standardizer, fit_network
from dl4ia.runs.train import Experiment
from dl4ia.training.schedules import SCHEDULES
from tests.conftest import shortened


def settings(params, **changes) -> Settings:
    return params.variant("warwick-start").settings.model_copy(update=changes)


@pytest.fixture
def parts(params, layout, monkeypatch):
    """Return the images that a variant is trained and validated on, with its data, split and standardiser."""

    def of(name):
        seen = {}

        def fit(_training, train, validation, _callbacks):
            seen.update(train=train.images, validation=validation.images)

        monkeypatch.setattr(module, "fit", fit)
        variant = shortened(params.variant(name))
        data, split = Experiment(name, variant, 0, layout).data()
        standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
        fit_network(variant, 0, data, split, standardizer, torch.device("cpu"))
        return seen["train"], seen["validation"], data, split, standardizer

    return of


def turned(images):
    """Return the images in all four orientations, as bytes."""
    return {np.rot90(image, turns, (1, 2)).tobytes() for image in images.numpy() for turns in range(4)}


def test_rotations_are_added_to_the_training_part_alone(parts):
    train, validation, data, split, standardizer = parts("warwick-rotations")
    assert torch.equal(validation, standardizer.apply(data.take(split.validation).images))
    assert len(split.train) < len(train) <= 2 * len(split.train)
    assert not turned(validation) & {image.numpy().tobytes() for image in train}


def test_copies_before_the_split_leak_into_the_validation_part(parts):
    train, validation, data, split, _ = parts("warwick-splits-leaky")
    count = len(train) + len(validation)
    assert len(data) < count <= 2 * len(data)
    assert len(validation) == round(count * len(split.validation) / len(data))
    known = turned(train)
    assert sum(image.tobytes() in known for image in validation.numpy()) > len(validation) / 2


def test_inputs_are_standardised_by_the_images_trained_on(params, glands):
    images = glands.part("train").images
    standard = Standardizer.of(images, settings(params)).apply(images)
    torch.testing.assert_close(standard.mean((0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std((0, 2, 3)), torch.ones(2), atol=1e-4, rtol=0)


def test_each_image_may_be_standardised_by_itself(params, glands):
    images = glands.part("train").images[:7]
    standardizer = Standardizer.of(images, settings(params, standardization="image"))
    standard = standardizer.apply(images)
    torch.testing.assert_close(standard.mean((2, 3)), torch.zeros(7, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std((2, 3)), torch.ones(7, 2), atol=1e-4, rtol=0)
    assert torch.equal(standardizer.apply(images[3:4]), standard[3:4])


def test_an_image_of_one_colour_stays_finite_when_it_is_standardised_by_itself(params):
    images = np.full((1, 2, 8, 8), 0.25, dtype=np.float32)
    assert torch.isfinite(Standardizer.of(images, settings(params, standardization="image")).apply(images)).all()


def trained(params, layout, callbacks=(), **changes):
    variant = shortened(params.variant("warwick-start"), iterations=6, **changes)
    data, split = Experiment("warwick-start", variant, 0, layout).data()
    standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
    return fit_network(variant, 0, data, split, standardizer, torch.device("cpu"), callbacks).state_dict()


def test_every_recipe_setting_reaches_the_weights(params, layout):
    plain = trained(params, layout)
    one_cycle = {"kind": "one-cycle"}
    changes = {
        "schedule": SCHEDULES["one-cycle"].model_validate(one_cycle),
        "ema_decay": 0.9,
        "max_gradient_norm": 1e-3,
        "standardization": "image",
        "augmentation": Settings.model_validate_json(
            params.variant("warwick-start")
            .settings.model_copy()
            .model_dump_json()
            .replace('"augmentation":[]', '"augmentation":[{"kind":"flips"}]')
        ).augmentation,
    }
    for key, value in changes.items():
        other = trained(params, layout, **{key: value})
        assert any(not torch.equal(plain[name], other[name]) for name in plain), key


@pytest.mark.parametrize("decay", [0.5])
def test_the_averaged_weights_are_what_is_returned_and_validated(params, layout, decay):
    captured = {}

    class Spy(module.Callback):
        def on_step(self, training):
            captured["average"] = {name: value.clone() for name, value in training.weights.items()}
            captured["raw"] = {name: value.clone() for name, value in training.network.state_dict().items()}

    weights = trained(params, layout, [Spy()], ema_decay=decay)
    assert all(torch.equal(weights[name], captured["average"][name]) for name in weights)
    assert any(not torch.equal(weights[name], captured["raw"][name]) for name in weights)
