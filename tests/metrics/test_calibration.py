import numpy as np
import pandas as pd
import pytest
import torch

from dl4ia.metrics.calibration import calibration, calibration_error


def predictions(count, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    log_probabilities = (3 * torch.randn(count, classes, generator=generator)).log_softmax(dim=1)
    return log_probabilities, torch.multinomial(log_probabilities.exp(), 1, generator=generator).flatten()


def test_bins_have_the_least_confident_predictions_first_and_contain_all():
    log_probabilities, targets = predictions(5000)
    bins = calibration(log_probabilities, targets)
    assert bins["count"].sum() == 5000
    assert bins["count"].iloc[0] == 5
    assert bins["confidence"].is_monotonic_increasing
    accuracy = (log_probabilities.argmax(dim=1) == targets).double().mean()
    assert np.average(bins["accuracy"], weights=bins["count"]) == pytest.approx(float(accuracy), abs=1e-5)


def test_classes_drawn_from_the_probabilities_are_calibrated_and_overconfidence_is_an_error():
    log_probabilities, targets = predictions(50_000)
    assert calibration_error(calibration(log_probabilities, targets)) < 0.01
    sharper = (3 * log_probabilities).log_softmax(dim=1)
    assert calibration_error(calibration(sharper, targets)) > 0.1


def test_the_error_worked_out_by_hand():
    bins = pd.DataFrame({"count": [1, 3], "confidence": [0.5, 0.9], "accuracy": [1.0, 0.8]})
    assert calibration_error(bins) == pytest.approx((1 * 0.5 + 3 * 0.1) / 4)


def test_pixels_are_predictions():
    log_probabilities, targets = predictions(64, classes=2)
    pixels, masks = log_probabilities.T.reshape(1, 2, 8, 8), targets.reshape(1, 8, 8)
    pd.testing.assert_frame_equal(calibration(pixels, masks), calibration(log_probabilities, targets))
    assert (calibration(log_probabilities, targets)["count"] > 0).all()
