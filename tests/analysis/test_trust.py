from dataclasses import replace

import numpy as np
import pytest

from dl4ia.analysis.trust import trust


def test_bins_are_means_over_the_runs_that_trained(read):
    calibration = trust(read["digits-cnn"], "test")
    assert calibration.bins["share"].tolist() == pytest.approx([0.1, 0.9])
    assert calibration.bins["confidence"].tolist() == pytest.approx([0.6, 0.99])
    assert calibration.bins["accuracy"].tolist() == pytest.approx([0.5, (0.983 - 0.05) / 0.9])


def test_of_digits_the_risk_is_the_error_rate_without_the_least_confident_bins(read):
    risk = trust(read["digits-cnn"], "test").risk
    assert risk["coverage"].tolist() == pytest.approx([1, 0.9])
    assert risk["risk"].tolist() == pytest.approx([0.017, 1 - (0.983 - 0.05) / 0.9])


def test_of_masks_the_risk_is_that_of_the_most_confident_images(read):
    """Confidence that ranks images as their scores do leaves the best; all together are the mean."""
    result = read["glands-start"]
    images = result.images.assign(confidence=result.images["dice"])
    risk = trust(replace(result, images=images), "test_a").risk
    assert len(risk) == 60
    assert risk["coverage"].iloc[0] == 1
    assert risk["risk"].iloc[0] == pytest.approx(1 - 0.82, abs=1e-4)
    assert (np.diff(risk["risk"]) < 0).all()


def test_a_variant_that_did_not_train_has_nothing_to_trust(read):
    assert trust(read["glands-l2"], "test_a") is None
