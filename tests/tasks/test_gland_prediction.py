"""Pictures of any size and scale, by a classifier that looks at single pixels: so what is right is known."""

import numpy as np
import pytest
from skimage.color import rgb2hed
from skimage.transform import resize

from dl4ia.base.errors import DataError
from dl4ia.tasks.gland_prediction import MICRONS_PER_PIXEL, GlandPredictor
from dl4ia.tasks.warwick_files import stains

PAPER, TISSUE = (238, 216, 232), (92, 60, 130)


def picture(height, width, *disks):
    """Return tissue with dark disks (row, column, radius), in pixels, and where these are."""
    rows, columns = np.mgrid[:height, :width]
    inside = np.any([np.hypot(rows - row, columns - column) < radius for row, column, radius in disks], axis=0)
    return np.where(inside[..., None], TISSUE, PAPER).astype(np.uint8), inside


def dark(images):
    """Return the probabilities of background and gland: much haematoxylin is gland."""
    low, high = (float(stains(np.full((8, 8, 3), colour, np.uint8))[0].mean()) for colour in (PAPER, TISSUE))
    gland = ((images[:, 0] - low) / (high - low)).clip(0, 1)
    return np.stack([1 - gland, gland], axis=1).astype(np.float32)


def overlap(mask, expected):
    return (mask & expected).sum() / (mask | expected).sum()


def test_a_network_sees_a_published_image_as_it_was_trained_on():
    image, _ = picture(522, 775, (200, 300, 90))
    seen = []
    GlandPredictor(MICRONS_PER_PIXEL).predict(image, lambda images: seen.append(images) or dark(images))
    np.testing.assert_array_equal(np.concatenate(seen), stains(image)[None])


OTHER_SIZES = [(430, 567), (1400, 2300), (523, 776)]


@pytest.mark.parametrize(
    "size", [(522, 775), (300, 200), (40, 900), *(pytest.param(size, marks=pytest.mark.slow) for size in OTHER_SIZES)]
)
def test_the_mask_has_the_size_of_the_picture_and_is_where_the_glands_are(size):
    height, width = size
    radius = min(size) / 4
    image, inside = picture(height, width, (height / 2, width / 3, radius), (height / 3, width * 0.8, radius))
    predicted = GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark)
    mask = predicted.pictures["mask"]
    assert mask.shape == size
    assert overlap(mask > 0, inside) > (0.9 if min(size) > 250 else 0.75)
    assert predicted.row["area_share"] == pytest.approx(inside.mean(), rel=0.25 if min(size) < 250 else 0.06)


@pytest.mark.slow
def test_windows_leave_no_seams():
    image, _ = picture(
        1300, 2000, *((row, column, 60) for row in range(80, 1300, 160) for column in range(90, 2000, 160))
    )
    predicted = GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark)
    cells = round(1300 / 522 * 128), round(2000 / 775 * 128)
    whole = resize(dark(stains_of(image, cells)[None])[0, 1], image.shape[:2], order=1)
    assert np.abs(predicted.pictures["probability"] / 255 - whole).mean() < 0.02
    assert predicted.row["glands"] == 8 * 12


def stains_of(image, size):
    return np.moveaxis(resize(rgb2hed(image)[..., :2], size, order=1, anti_aliasing=True), -1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2, 2.5])
def test_a_finer_picture_of_the_same_tissue_has_the_same_glands(factor):
    disks = [(300, 300, 70), (700, 900, 90), (200, 1100, 50)]
    image, _ = picture(900, 1300, *disks)
    finer, _ = picture(round(900 * factor), round(1300 * factor), *(tuple(factor * each for each in d) for d in disks))
    row = GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark).row
    other = GlandPredictor(MICRONS_PER_PIXEL / factor).predict(finer, dark).row
    assert other["glands"] == row["glands"] == 3
    assert other["area_share"] == pytest.approx(row["area_share"], rel=0.03)


def test_what_is_smaller_than_a_gland_is_not_counted():
    image, _ = picture(522, 775, (100, 100, 60), (400, 600, 8))
    assert GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark).row["glands"] == 1


def test_the_outline_is_on_the_border_of_the_mask():
    image, _ = picture(522, 775, (200, 300, 90))
    overlay = GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark).pictures["overlay"]
    changed = (overlay != image).any(axis=-1)
    distance = np.abs(
        np.hypot(*(axis - centre for axis, centre in zip(np.nonzero(changed), (200, 300), strict=True))) - 90
    )
    assert changed.sum() > 500
    assert distance.max() < 8


def test_too_much_tissue_is_refused_with_what_to_do():
    image = np.zeros((5000, 4000, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="4000x5000 pixels of 0.62005 microns are too much .* parts of 4096x4096"):
        GlandPredictor(MICRONS_PER_PIXEL).predict(image, dark)


def test_a_scale_at_which_no_gland_can_be_seen_is_refused():
    image = np.zeros((1500, 2000, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="2000x1500 pixels of 0.00025 microns are too little tissue to see a gland"):
        GlandPredictor(0.00025).predict(image, dark)
