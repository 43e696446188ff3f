"""Pictures of all formats that a user may have, and files that are none."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dl4ia.base.errors import DataError
from dl4ia.data.pictures import read_mask, read_picture

GRADIENT = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
RGB = np.stack([GRADIENT, 255 - GRADIENT, GRADIENT // 2], axis=-1)


@pytest.mark.parametrize("suffix", ["bmp", "png", "tif", "TIFF"])
def test_rgb_is_read_as_it_is(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(RGB).save(path)
    np.testing.assert_array_equal(read_picture(path), RGB)


def test_jpeg_is_read(tmp_path):
    smooth = np.full((32, 48, 3), (200, 120, 180), dtype=np.uint8)
    Image.fromarray(smooth).save(tmp_path / "x.jpg")
    np.testing.assert_allclose(read_picture(tmp_path / "x.jpg").astype(int), smooth, atol=3)


def test_what_a_camera_turned_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by a quarter
    Image.fromarray(np.zeros((10, 20, 3), dtype=np.uint8)).save(tmp_path / "x.jpg", exif=exif)
    assert read_picture(tmp_path / "x.jpg").shape == (20, 10, 3)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (GRADIENT, np.stack([GRADIENT] * 3, axis=-1)),
        (GRADIENT.astype(np.uint16) * 256 + 7, np.stack([GRADIENT] * 3, axis=-1)),
        (RGB.astype(np.uint16) * 256 + 7, RGB),
        (np.dstack([RGB, np.full((4, 6), 255, np.uint8)]), RGB),
        (np.dstack([RGB, np.zeros((4, 6), np.uint8)]), np.full_like(RGB, 255)),
        (np.dstack([RGB, np.full((4, 6), 255, np.uint8)]).astype(np.uint16) * 257, RGB),
    ],
    ids=["grey", "grey of 16 bits", "RGB of 16 bits", "opaque", "transparent is white", "RGBA of 16 bits"],
)
def test_other_pixels_become_rgb(tmp_path, pixels, expected):
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    np.testing.assert_array_equal(read_picture(tmp_path / "x.tif"), expected)


def test_a_palette_with_a_transparent_colour_is_white_there(tmp_path):
    image = Image.fromarray(RGB).quantize(4)
    image.info["transparency"] = int(np.asarray(image)[0, 0])
    image.save(tmp_path / "x.png", transparency=image.info["transparency"])
    assert read_picture(tmp_path / "x.png")[0, 0].tolist() == [255, 255, 255]


def test_colours_in_planes_are_read(tmp_path):
    planes = np.moveaxis(RGB, -1, 0).astype(np.uint16) * 256
    tifffile.imwrite(tmp_path / "x.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_picture(tmp_path / "x.tif"), RGB)


def test_a_tag_of_planes_means_nothing_to_grey(tmp_path):
    path, deep = tmp_path / "x.tif", GRADIENT.astype(np.uint16) * 256
    tifffile.imwrite(path, deep, photometric="minisblack", extratags=[(65000, "H", 1, 2, True)])
    path.write_bytes(path.read_bytes().replace(b"\xe8\xfd", b"\x1c\x01"))  # 65000 to 284, which tifffile does not write
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    np.testing.assert_array_equal(read_picture(path)[..., 0], GRADIENT)


def test_a_scale_from_white_to_black_is_turned_round(tmp_path):
    deep = GRADIENT.astype(np.uint16) * 256
    tifffile.imwrite(tmp_path / "x.tif", 65535 - deep, photometric="miniswhite")
    np.testing.assert_array_equal(read_picture(tmp_path / "x.tif")[..., 0], GRADIENT)


def text(path):
    path.write_text("no image")


def cut_tiff(path):
    tifffile.imwrite(path, np.zeros((64, 64, 3), dtype=np.uint16), photometric="rgb")
    path.write_bytes(path.read_bytes()[:2000])


def cut_png(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def huge(path):
    Image.new("1", (40_000, 40_000)).save(path)


def large(path):
    Image.new("1", (10_000, 10_000)).save(path)


def of_floats(path):
    tifffile.imwrite(path, np.zeros((8, 8, 3), dtype=np.float32), photometric="rgb")


def turned(path):
    tifffile.imwrite(path, np.zeros((8, 9), dtype=np.uint16), extratags=[(274, "H", 1, 6, True)])


def damaged_deflate(path):
    tifffile.imwrite(path, np.zeros((64, 64), dtype=np.uint16), compression="zlib")
    content = bytearray(path.read_bytes())
    content[260:270] = bytes(10)  # of what begins at 256
    path.write_bytes(content)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("text.png", text, "is not a readable image: cannot identify"),
        ("text.tif", text, "is not a readable image: not a TIFF file"),
        ("cut.tif", cut_tiff, "is not a readable image"),
        ("cut.png", cut_png, "is not a readable image"),
        pytest.param("huge.png", huge, "is not a readable image: Image size .* exceeds limit", marks=pytest.mark.slow),
        ("large.png", large, "10000x10000 pixels, expected at most 67108864: cut it into parts"),
        ("floats.tif", of_floats, "expected 8 or 16 bits of grey, RGB or RGBA"),
        ("turned.tif", turned, r"it is to be turned \(tag Orientation 6\), expected an upright image"),
        ("deflate.tif", damaged_deflate, "is not a readable image"),
        ("notes.txt", text, r"expected an image file \(.bmp, "),
        ("folder.png", lambda path: path.mkdir(), "is a folder"),
        ("missing.png", lambda path: None, "is missing"),
    ],
)
def test_what_is_no_picture_is_named_in_one_line(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}.*{message}") as error:
        read_picture(tmp_path / name)
    assert "\n" not in str(error.value)


MASK = np.arange(24).reshape(4, 6) % 5 > 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_is_above_0_is_foreground_in_every_mode(tmp_path, mode):
    if mode == "I;16":
        image = Image.fromarray(MASK.astype(np.uint16))  # 1 of 65535
    elif mode == "P":
        image = Image.fromarray(MASK.astype(np.uint8), mode="P")
        image.putpalette([200, 0, 0, 0, 0, 0])  # of the background and of the foreground
    else:
        image = Image.fromarray(MASK.astype(np.uint8) * 255).convert(mode)
    image.save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "x.png"), MASK)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
def test_the_numbers_of_objects_are_foreground(tmp_path, kind):
    tifffile.imwrite(tmp_path / "x.tif", MASK.astype(kind) * 3)
    np.testing.assert_array_equal(read_mask(tmp_path / "x.tif"), MASK)


@pytest.mark.parametrize(("name", "message"), [("x.jpg", "a mask in a format without loss"), ("x.png", "is missing$")])
def test_what_is_no_mask_is_named_in_one_line(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        read_mask(tmp_path / name)
