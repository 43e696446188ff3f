import numpy as np
import torch

from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split
from dl4ia.experiment import Experiment, Normalization
from dl4ia.train import train
from tests.conftest import shortened


def test_rotations_are_added_to_the_training_part_alone(params, layout, monkeypatch):
    seen = {}

    def fit(network, optimizer, train, validation, task, **_):
        seen.update(train=train.images, validation=validation.images)

    monkeypatch.setattr("dl4ia.experiment.fit", fit)
    experiment = Experiment("warwick-rotations", shortened(params.variant("warwick-rotations")), 0, layout)
    train(experiment, lambda _: None)
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
