"""Intervals against simulated experiments of which the truth is known."""

import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.bootstrap import difference_interval, mean_interval
from dl4ia.analysis.image_scores import ImageScores

SEEDS, PATIENTS, IMAGES = 5, 16, 4


def experiment(rng, mean=0.8, seed_sd=0.02, patient_sd=0.05, image_sd=0.03, patients=None, images=None):
    """Return the scores of five networks of 64 images; a network, a patient and an image have an effect each."""
    patients = rng.normal(0, patient_sd, PATIENTS) if patients is None else patients
    images = rng.normal(0, image_sd, (PATIENTS, IMAGES)) if images is None else images
    seeds = rng.normal(0, seed_sd, SEEDS)
    scores = mean + seeds[:, None, None] + patients[:, None] + images
    names = [f"test_{index}" for index in range(PATIENTS * IMAGES)]
    listed = pd.DataFrame(scores.reshape(SEEDS, -1).T, index=names)
    return ImageScores(listed, pd.Series(np.repeat(np.arange(PATIENTS), IMAGES), index=names), 0)


def coverage(intervals, truth):
    return np.mean([low <= truth <= high for low, high in intervals])


@pytest.mark.slow
def test_the_interval_of_a_mean_contains_it_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(experiment(rng)) for _ in range(200)]
    assert 0.87 < coverage(intervals, 0.8) <= 0.99  # percentiles of few patients are a little too narrow


def test_images_of_a_patient_are_not_independent():
    scores = experiment(np.random.default_rng(1), seed_sd=0)
    alone = ImageScores(scores.listed, None, 0)
    by_patient, by_image = mean_interval(scores), mean_interval(alone)
    assert by_patient[1] - by_patient[0] > 1.3 * (by_image[1] - by_image[0])


@pytest.mark.slow
def test_the_interval_of_a_difference_contains_it_and_cancels_what_is_hard_for_both():
    rng = np.random.default_rng(2)
    intervals, widths = [], []
    for _ in range(200):
        patients, images = rng.normal(0, 0.05, PATIENTS), rng.normal(0, 0.03, (PATIENTS, IMAGES))
        ours, theirs = (experiment(rng, mean, patients=patients, images=images) for mean in (0.83, 0.8))
        intervals.append(difference_interval(ours, theirs))
        widths.append(np.ptp(mean_interval(ours)))
    assert 0.87 < coverage(intervals, 0.03) <= 0.99
    assert np.mean([high - low for low, high in intervals]) < np.mean(widths)


@pytest.mark.parametrize("mean", [0.999, 0.001])
def test_no_interval_leaves_what_is_possible(mean):
    scores = np.random.default_rng(3).random((40, 5)) < mean
    low, high = mean_interval(ImageScores(pd.DataFrame(scores.astype(float)), None, 60))
    assert 0 <= low <= high <= 1


def test_digits_that_are_not_listed_are_right():
    """Of 10 000 images 100 are wrong by each of five networks, other ones each time: the error of a share, or more."""
    listed = pd.DataFrame(np.ones((500, 5)))
    for seed in range(5):
        listed.iloc[100 * seed : 100 * (seed + 1), seed] = 0
    low, high = mean_interval(ImageScores(listed, None, 9500))
    assert low < 0.99 < high
    assert 1 <= (high - low) / (2 * 1.96 * np.sqrt(0.01 * 0.99 / 10_000 / 5)) < np.sqrt(3)


def test_one_run_has_the_interval_of_its_images():
    scores = experiment(np.random.default_rng(4))
    one = ImageScores(scores.listed.iloc[:, :1], scores.patients, 0)
    low, high = mean_interval(one)
    by_patient = one.listed[0].groupby(scores.patients).mean()
    assert high - low == pytest.approx(2 * 1.96 * by_patient.std() / np.sqrt(PATIENTS), rel=0.15)
