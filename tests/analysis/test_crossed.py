"""Intervals and p values against simulated experiments of which the truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from dl4ia import config
from dl4ia.analysis.crossed import Estimate, mean_difference, mean_score
from dl4ia.analysis.image_scores import ImageScores, on_the_same_images
from dl4ia.analysis.tables import results
from dl4ia.runs.layout import Layout

SEEDS, PATIENTS = 5, (4,) * 16  # images of each patient
NINE, FIVE = (4,) * 9, (4,) * 5
TEST_A = (14, 12, 12, 8, 8, 2, 2, 1, 1)
# How many runs, images of each patient, and the standard deviations of the effects of runs, patients and images.
EXPERIMENTS = [
    pytest.param({"seeds": 3, "patients": NINE, "sds": (0.02, 0.05, 0.03)}, id="three-runs"),
    pytest.param({"seeds": 5, "patients": FIVE, "sds": (0.02, 0.05, 0.03)}, id="five-patients"),
    pytest.param({"seeds": 3, "patients": NINE, "sds": (0.05, 0.0, 0.01)}, id="runs-differ-alone"),
    pytest.param({"seeds": 5, "patients": NINE, "sds": (0.0, 0.05, 0.03)}, id="images-differ-alone"),
    pytest.param({"seeds": 5, "patients": TEST_A, "sds": (0.003, 0.05, 0.03)}, id="patients-of-test-a"),
    pytest.param({"seeds": 3, "patients": TEST_A, "sds": (0.02, 0.05, 0.03)}, id="three-runs-on-test-a"),
]


def experiment(rng, mean=0.8, *, seeds=SEEDS, patients=PATIENTS, sds=(0.02, 0.05, 0.03), images=None):
    """Return the scores of networks of images; a network, a patient and an image have an effect each."""
    images = effects(rng, patients, sds) if images is None else images
    scores = mean + rng.normal(0, sds[0], (seeds, 1)) + images
    names = [f"test_{index}" for index in range(sum(patients))]
    listed = pd.DataFrame(scores.T, index=names)
    return ImageScores(listed, pd.Series(np.repeat(np.arange(len(patients)), patients), index=names), 0)


def effects(rng, patients, sds):
    return np.repeat(rng.normal(0, sds[1], len(patients)), patients) + rng.normal(0, sds[2], sum(patients))


@pytest.mark.parametrize("setup", EXPERIMENTS)
def test_the_interval_of_a_mean_contains_it_as_often_as_it_says(setup):
    rng = np.random.default_rng(0)
    intervals = [mean_score(experiment(rng, **setup)).interval("share") for _ in range(400)]
    assert 0.93 <= np.mean([low <= 0.8 <= high for low, high in intervals]) <= 0.985


@pytest.mark.parametrize("setup", EXPERIMENTS)
def test_one_of_twenty_differences_between_equal_networks_is_significant_at_most(setup):
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(400):
        images = effects(rng, setup["patients"], setup["sds"])
        ours, theirs = (experiment(rng, **setup, images=images) for _ in range(2))
        differences.append(mean_difference(ours, theirs))
    assert np.mean([each.p < 0.05 for each in differences]) < 0.07
    for each in differences:  # both are of the same statistic
        low, high = each.interval("difference")
        assert (each.p < 0.05) == (low > 0 or high < 0)


def test_what_is_hard_for_both_cancels():
    rng = np.random.default_rng(2)
    images = effects(rng, PATIENTS, (0, 0.05, 0.03))
    ours, theirs = (experiment(rng, mean, images=images) for mean in (0.83, 0.8))
    assert mean_difference(ours, theirs).error < mean_score(ours).error


def test_the_same_runs_are_compared_one_by_one():
    """Evaluated otherwise, each run is better by 0.01, with little noise; the runs themselves differ by much more."""
    rng = np.random.default_rng(3)
    theirs = experiment(rng, sds=(0.05, 0.05, 0.03))
    better = theirs.listed + 0.01 + rng.normal(0, 0.001, theirs.listed.shape)
    ours = ImageScores(better[[4, 2, 1]], theirs.patients, 0)
    paired = mean_difference(ours, theirs, same_runs=True)
    assert paired.mean == pytest.approx(0.01, abs=1e-3)
    assert paired.p < 1e-3
    assert mean_difference(ours, theirs).p > 0.05


def test_images_of_a_patient_are_not_independent():
    scores = experiment(np.random.default_rng(1), sds=(0, 0.05, 0.03))
    independent = ImageScores(scores.listed, None, 0)
    assert mean_score(scores).error > 1.3 * mean_score(independent).error


@pytest.mark.parametrize("mean", [0.999, 0.001])
def test_no_interval_leaves_what_is_possible(mean):
    scores = np.random.default_rng(3).random((40, 5)) < mean
    low, high = mean_score(ImageScores(pd.DataFrame(scores.astype(float)), None, 60)).interval("share")
    assert 0 <= low <= high <= 1


def test_digits_that_are_not_listed_are_right():
    """Of 10 000 images 100 are wrong by each of five networks, other ones each time: about the error of a share."""
    listed = pd.DataFrame(np.ones((500, 5)))
    for seed in range(5):
        listed.iloc[100 * seed : 100 * (seed + 1), seed] = 0
    estimate = mean_score(ImageScores(listed, None, 9500))
    assert estimate.mean == pytest.approx(0.99)
    assert estimate.error == pytest.approx(np.sqrt(0.01 * 0.99 / 10_000 / 5), rel=0.03)


def test_one_run_has_the_error_of_its_images():
    scores = experiment(np.random.default_rng(4))
    one = mean_score(ImageScores(scores.listed.iloc[:, :1], scores.patients, 0))
    by_patient = scores.listed[0].groupby(scores.patients).mean()
    assert one.error == pytest.approx(by_patient.std() / np.sqrt(len(PATIENTS)))
    assert one.freedom == len(PATIENTS) - 1


def test_patients_of_many_images_count_for_more():
    """Two images of mean 0.5 and one of 0.8: without either patient the means are 0.8 and 0.5, and with both 0.6."""
    scores = pd.DataFrame({0: [0.4, 0.6, 0.8]}, index=["a", "b", "c"])
    estimate = mean_score(ImageScores(scores, pd.Series([1, 1, 2], index=scores.index), 0))
    assert estimate.mean == pytest.approx(0.6)
    assert estimate.error == pytest.approx(np.sqrt((0.2**2 + 0.1**2) / 2))
    assert estimate.freedom == pytest.approx(3**2 / (2**2 + 1) - 1)


def test_degrees_of_freedom_are_those_of_satterthwaite():
    """Two runs of means 0.7 and 0.9 (variance 0.01, 1), of three images of means 0.7, 0.8, 0.9 (variance 0.01/3, 2)."""
    listed = pd.DataFrame({0: [0.6, 0.7, 0.8], 1: [0.8, 0.9, 1.0]})
    estimate = mean_score(ImageScores(listed, None, 0))
    assert estimate.error == pytest.approx(np.sqrt(0.01 + 0.01 / 3))
    assert estimate.freedom == pytest.approx((4 / 3) ** 2 / (1 + (1 / 3) ** 2 / 2))


def test_equal_scores_do_not_differ():
    scores = experiment(np.random.default_rng(5))
    assert mean_difference(scores, scores, same_runs=True) == Estimate(0.0, 0.0, 1.0)
    assert Estimate(1e-17, 1e-18, 4.0).p == 1  # rounding
    others = ImageScores(scores.listed.rename(columns=lambda seed: seed + 10), scores.patients, 0)
    assert mean_difference(scores, others, same_runs=True) == mean_difference(scores, others)  # no seed is of both
    assert Estimate(0.0, 0.0, 1.0).p == 1
    assert Estimate(0.0, 0.0, 1.0).interval("difference") == (0, 0)


@pytest.mark.parametrize(("name", "part"), [("warwick-starts-no-relu-adam", "test_a"), ("mnist-adam", "test")])
def test_halves_of_the_runs_of_one_variant_do_not_differ(name, part):
    """The committed runs of a variant, divided at random: Wilcoxon's test, which takes runs as given, is wrong here."""
    (result,) = results(config.load(), Layout(), [name])
    rng, ours, usual = np.random.default_rng(0), [], []
    for _ in range(40):
        seeds = rng.permutation(result.trained)[:10].tolist()
        first, second = (result.image_scores(part, half) for half in (seeds[:5], seeds[5:]))
        ours.append(mean_difference(first, second).p < 0.05)
        if part == "test_a":
            differences = np.subtract(*[each.means for each in on_the_same_images(first, second)])
            usual.append(wilcoxon(differences).pvalue < 0.05)
    assert np.mean(ours) <= 0.1  # of dependent divisions
    assert not usual or np.mean(usual) > 0.2
