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


def test_rotations_are_added_to_the_training_part_alone(params, layout, monkeypatch):
    seen = {}

    def fit(_training, train, validation, _callbacks):
        seen.update(train=train.images, validation=validation.images)

    monkeypatch.setattr(module, "fit", fit)
    variant = shortened(params.variant("warwick-rotations"))
    data, split = Experiment("warwick-rotations", variant, 0, layout).data()
    standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
    fit_network(variant, 0, data, split, standardizer, torch.device("cpu"))
    validation = standardizer.apply(data.take(split.validation).images)
    assert torch.equal(seen["validation"], validation)
    assert len(split.train) < len(seen["train"]) <= 2 * len(split.train)
    turned = {np.rot90(image, turns, (1, 2)).tobytes() for image in validation.numpy() for turns in range(4)}
    assert not turned & {image.numpy().tobytes() for image in seen["train"]}


def test_copies_before_the_split_leak_into_the_validation_part(params, layout, monkeypatch):
    seen = {}

    def fit(_training, train, validation, _callbacks):
        seen.update(train=train.images, validation=validation.images)

    monkeypatch.setattr(module, "fit", fit)
    variant = shortened(params.variant("warwick-splits-leaky"))
    data, split = Experiment("warwick-splits-leaky", variant, 0, layout).data()
    standardizer = Standardizer.of(data.take(split.train).images, variant.settings)
    fit_network(variant, 0, data, split, standardizer, torch.device("cpu"))
    count = len(seen["train"]) + len(seen["validation"])
    assert len(data) < count <= 2 * len(data)
    assert len(seen["validation"]) == round(count * len(split.validation) / len(data))
    trained = {np.rot90(image, turns, (1, 2)).tobytes() for image in seen["train"].numpy() for turns in range(4)}
    copied = sum(image.tobytes() in trained for image in seen["validation"].numpy())
    assert copied > len(seen["validation"]) / 2


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
