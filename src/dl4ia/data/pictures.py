"""Pictures of any common format, as RGB."""

import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dl4ia.base.errors import DataError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
_LOSSY = (".jpeg", ".jpg")
_LARGEST = 1 << 26  # pixels, 8192x8192: as RGB, 200 MB
_RGB, _RGBA = 3, 4
_BITS = 8
_UPRIGHT = 1  # of TIFF's tag Orientation
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    Image.DecompressionBombError,
    zlib.error,
)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a BMP, JPEG, PNG or TIFF file as RGB (h, w, 3).

    Grey becomes three equal channels, what is transparent white, and of 16 bits the upper 8 are kept. Raises DataError
    for a file that is missing, damaged, of another format or larger than 8192x8192 pixels.
    """
    return _reading(path, "an image file", SUFFIXES, _read)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a BMP, PNG or TIFF file as a mask (h, w): what is above 0 in any channel is foreground.

    So are the numbers of objects, of any number of bits, and of colours in a palette; transparency does not count.
    Raises DataError as `read_picture` does, and for JPEG files, which do not keep the zeros beside an edge.
    """
    lossless = tuple(suffix for suffix in SUFFIXES if suffix not in _LOSSY)
    return _reading(path, "a mask in a format without loss", lossless, _read_mask)


def _reading(path: Path, what: str, suffixes: tuple[str, ...], read: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
    """Return what `read` reads of a file with one of these endings; raises DataError."""
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{path}: expected {what} ({', '.join(suffixes)})")
    try:
        return read(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, expected an image file") from error
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path} is not a readable image: {reason}") from error


def _read(path: Path) -> NDArray[np.uint8]:
    if path.suffix.lower() in (".tif", ".tiff") and (pixels := _deep_tiff(path)) is not None:
        return _rgb(pixels, path)
    with _opened(path) as image:
        if image.mode.startswith("I"):
            return _rgb(np.asarray(image).astype(np.uint16), path)
        upright = ImageOps.exif_transpose(image)
        if "A" in upright.getbands() or "transparency" in upright.info:
            on_white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(on_white, upright.convert("RGBA"))
        return np.asarray(upright.convert("RGB"))


def _read_mask(path: Path) -> NDArray[np.bool_]:
    pixels = _deep_tiff(path) if path.suffix.lower() in (".tif", ".tiff") else None
    if pixels is None:
        with _opened(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image))
    if pixels.ndim == _RGB:
        pixels = pixels[..., : 3 if pixels.shape[2] >= _RGB else 1].max(axis=2)  # without transparency
    if pixels.ndim != 2:  # noqa: PLR2004 (height and width)
        raise ValueError(f"an array of shape {pixels.shape} is no mask")
    return np.asarray(pixels > 0)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image that is not too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        opened = Image.open(path)
    with opened as image:
        _check_size(path, *image.size)
        yield image


def _deep_tiff(path: Path) -> NDArray[Any] | None:
    """Return the first page of a TIFF file of more than 8 bits, which Pillow reads wrongly or not; None for others."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if page.bitspersample <= _BITS:
            return None
        _check_size(path, page.imagewidth, page.imagelength)
        orientation = page.tags.valueof("Orientation", default=_UPRIGHT)
        if orientation != _UPRIGHT:
            raise DataError(f"{path}: it is to be turned (tag Orientation {orientation}), expected an upright image")
        pixels = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
            pixels = pixels.dtype.type((1 << page.bitspersample) - 1) - pixels
        separate = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    return np.moveaxis(pixels, 0, -1) if separate and pixels.ndim == _RGB else pixels


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > _LARGEST:
        raise DataError(f"{path}: {width}x{height} pixels, expected at most {_LARGEST}: cut it into parts")


def _rgb(pixels: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Return 8-bit RGB of an array (h, w) or (h, w, 1, 3 or 4) of 8 or 16 bits."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:  # noqa: PLR2004 (grey)
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != _RGB or pixels.shape[2] not in (1, _RGB, _RGBA):
        raise DataError(f"{path}: {pixels.dtype} of shape {pixels.shape}, expected 8 or 16 bits of grey, RGB or RGBA")
    if pixels.shape[2] == _RGBA:
        alpha = pixels[..., 3:].astype(np.uint16)
        return np.asarray(((pixels[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], _RGB)).astype(np.uint8))
