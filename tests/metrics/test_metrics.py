import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from dl4ia.metrics import segmentation
from dl4ia.metrics.classification import confusion_matrix, correct

PAIRS = [
    (segmentation.dice, reference.f1_score),
    (segmentation.iou, reference.jaccard_score),
    (segmentation.precision, reference.precision_score),
    (segmentation.recall, reference.recall_score),
    (segmentation.pixel_accuracy, reference.accuracy_score),
]


def masks(seed, count=7, side=9):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.1, 0.9, (2, count, 1, 1))
    return (torch.from_numpy(part).long() for part in (rng.random((2, count, side, side)) < share).astype(int))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_each_image_scores_as_in_scikit_learn(ours, theirs, seed):
    predicted, actual = masks(seed)
    expected = [theirs(t.flatten(), g.flatten()) for g, t in zip(predicted, actual, strict=True)]
    np.testing.assert_allclose(ours(segmentation.count(predicted, actual)), expected, rtol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda function: function.__name__)
def test_pooled_scores_are_over_all_pixels(ours, theirs):
    predicted, actual = masks(0)
    result = ours(segmentation.pooled(segmentation.count(predicted, actual)))
    np.testing.assert_allclose(result, theirs(actual.flatten(), predicted.flatten()), rtol=1e-6)


EMPTY, FULL = torch.zeros(1, 4, 4).long(), torch.ones(1, 4, 4).long()


@pytest.mark.parametrize("measure", [segmentation.dice, segmentation.iou, segmentation.precision, segmentation.recall])
def test_a_measure_is_one_when_both_masks_are_empty_and_zero_when_one_is(measure):
    assert measure(segmentation.count(EMPTY, EMPTY)).item() == 1
    assert measure(segmentation.count(EMPTY, FULL)).item() == 0
    assert measure(segmentation.count(FULL, EMPTY)).item() == 0


def test_the_mean_over_images_does_not_depend_on_the_batches():
    predicted, actual = masks(1)
    whole = segmentation.dice(segmentation.count(predicted, actual))
    ragged = [
        segmentation.dice(segmentation.count(*pair)) for pair in zip(predicted.split(3), actual.split(3), strict=True)
    ]
    assert torch.equal(torch.cat(ragged), whole)


def test_image_dice_takes_the_larger_logit():
    logits = torch.randn(3, 2, 8, 8)
    actual = torch.randint(2, (3, 8, 8))
    expected = segmentation.dice(segmentation.count(logits.argmax(1), actual))
    assert torch.equal(segmentation.image_dice(logits, actual), expected)


def test_two_equal_logits_are_background():
    assert segmentation.image_dice(torch.zeros(1, 2, 4, 4), FULL).item() == 0


@pytest.mark.parametrize("count", [0, 1, 257])
def test_the_confusion_matrix_is_scikit_learns(count):
    rng = np.random.default_rng(count)
    labels, predicted = rng.integers(0, 10, (2, count))
    result = confusion_matrix(torch.from_numpy(labels), torch.from_numpy(predicted), 10).numpy()
    expected = reference.confusion_matrix(labels, predicted, labels=range(10)) if count else np.zeros((10, 10))
    np.testing.assert_array_equal(result, expected)


def test_correct_compares_the_largest_logit():
    logits = torch.tensor([[0.0, 2.0], [3.0, 1.0]])
    assert correct(logits, torch.tensor([1, 1])).tolist() == [1, 0]
