import numpy as np
import pytest
from PIL import Image

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import OUTSIDE
from dl4ia.tasks import warwick_files
from tests.data.test_sources import published_warwick


@pytest.fixture
def folder(tmp_path):
    for name, content in published_warwick().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_images_come_in_the_order_of_their_numbers(folder):
    images = warwick_files.read(folder, ("train",))
    assert images.names.tolist() == ["train_1", "train_2", "train_10"]
    assert images.groups.tolist() == [1, 2, 3]
    assert images.images.shape == (3, 2, 128, 128)
    assert warwick_files.read(folder, ("test_a", "test_b")).partition.tolist() == ["test_a", "test_b"]


def test_test_images_come_with_their_objects_and_training_images_without(folder):
    with Image.open(folder / "testB_1_anno.bmp") as annotation:
        smaller = np.asarray(annotation)[:40, :60]
    Image.fromarray(smaller).save(folder / "testB_1_anno.bmp")
    Image.new("RGB", (60, 40)).save(folder / "testB_1.bmp")
    assert warwick_files.read(folder, ("train",)).objects is None
    objects = warwick_files.read(folder, ("test_a", "test_b")).objects
    with Image.open(folder / "testA_1_anno.bmp") as annotation:
        np.testing.assert_array_equal(objects[0], np.asarray(annotation))
    np.testing.assert_array_equal(objects[1, :40, :60], smaller)
    assert (objects[1, 40:] == OUTSIDE).all()
    assert (objects[1, :, 60:] == OUTSIDE).all()


def test_an_annotation_of_too_many_glands_is_named(folder):
    Image.new("L", (77, 52), color=255).save(folder / "testA_1_anno.bmp")
    with pytest.raises(DataError, match=r"testA_1_anno\.bmp: expected fewer than 255 glands"):
        warwick_files.read(folder, ("test_a", "test_b"))


def test_a_mask_that_does_not_fit_its_image_is_named(folder):
    Image.new("L", (10, 10)).save(folder / "train_2_anno.bmp")
    with pytest.raises(
        DataError, match=r"train_2_anno\.bmp: a mask of \(10, 10\) does not fit its image of \(52, 77\)"
    ):
        warwick_files.read(folder, ("train",))


def test_a_missing_annotation_is_named(folder):
    (folder / "train_2_anno.bmp").unlink()
    with pytest.raises(DataError, match=r"train_2_anno\.bmp is missing"):
        warwick_files.read(folder, ("train",))


@pytest.mark.parametrize("content", [b"", b"BM", b"not a picture at all", published_warwick()["train_2.bmp"][:500]])
def test_a_corrupt_image_is_named(folder, content):
    (folder / "train_2.bmp").write_bytes(content)
    with pytest.raises(DataError, match=r"train_2\.bmp"):
        warwick_files.read(folder, ("train",))


def test_a_grey_image_is_named(folder):
    Image.new("L", (77, 52)).save(folder / "train_2.bmp")
    with pytest.raises(DataError, match=r"train_2\.bmp: expected 8-bit RGB"):
        warwick_files.read(folder, ("train",))


@pytest.mark.parametrize("content", ["", "name\ntrain_1", "name,patient ID,grade\ntrain_x,1,benign", "a,b,c\n1,2,3"])
def test_a_damaged_grade_table_is_named(folder, content):
    (folder / "Grade.csv").write_text(content)
    with pytest.raises(DataError, match=r"Grade\.csv"):
        warwick_files.read(folder, ("train",))


def test_a_mask_keeps_its_outline_and_not_which_gland_is_which():
    annotation = np.zeros((512, 256), dtype=np.uint8)
    annotation[:256], annotation[256:, :128] = 1, 7
    mask = warwick_files.gland_mask(annotation)
    assert mask.dtype == np.uint8
    assert mask[:64].all()
    assert mask[64:, :64].all()
    assert not mask[64:, 64:].any()


def test_haematoxylin_is_denser_where_it_is_bluer():
    image = np.full((128, 128, 3), 240, dtype=np.uint8)
    image[:64] = (80, 70, 160)
    haematoxylin, _ = warwick_files.stains(image)
    assert haematoxylin[:50].mean() > haematoxylin[80:].mean() + 0.01
