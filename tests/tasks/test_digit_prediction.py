"""Digits as people have them: large, anywhere in the picture, dark on light."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import center_of_mass

from dl4ia.base.errors import DataError
from dl4ia.tasks.digit_prediction import DigitPredictor, as_published


def drawn(height=300, width=200, paper=255, ink=0):
    """Return a tall bar off the centre: a one."""
    gray = np.full((height, width), paper, dtype=np.uint8)
    gray[40:240, 20:50] = ink
    return gray


def test_the_ink_fits_in_a_box_and_its_mass_is_in_the_centre():
    seen = as_published(drawn())
    assert (seen.shape, seen.dtype) == ((28, 28), np.uint8)
    rows, columns = np.nonzero(seen > 60)
    assert np.ptp(rows) + 1 in (20, 21)
    assert np.ptp(columns) + 1 in (3, 4)
    np.testing.assert_allclose(center_of_mass(seen), (13.5, 13.5), atol=0.1)
    assert seen.max() == 255


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 90), (60, 160)])
def test_polarity_and_contrast_do_not_matter(paper, ink):
    np.testing.assert_allclose(as_published(drawn(paper=paper, ink=ink)).astype(int), as_published(drawn()), atol=2)


def test_an_image_of_the_set_is_left_as_it_is():
    image = np.zeros((28, 28), dtype=np.uint8)
    image[5:20, 9:12] = np.arange(45).reshape(15, 3) * 5 + 30
    np.testing.assert_array_equal(as_published(image), image)
    np.testing.assert_array_equal(as_published(255 - image), image)


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (500, 20)])
def test_an_empty_picture_has_no_digit(size):
    with pytest.raises(DataError, match="there is no digit"):
        as_published(np.full(size, 250, dtype=np.uint8))


def test_the_most_probable_digit_is_named_with_its_probability():
    def says_three(images):
        assert images.shape == (1, 1, 28, 28)
        return np.array([[0.05, 0.05, 0.1, 0.8, 0, 0, 0, 0, 0, 0]], dtype=np.float32)

    picture = np.asarray(Image.fromarray(drawn()).convert("RGB"))
    prediction = DigitPredictor().predict(picture, says_three)
    assert prediction.row == {"digit": 3, "probability": 0.8}
    np.testing.assert_array_equal(prediction.pictures["seen"], as_published(drawn()))
