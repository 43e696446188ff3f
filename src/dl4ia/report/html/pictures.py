"""Pictures inside the HTML report."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Picture:
    """A picture as a `data:` URI, with its size in pixels and a text for those who do not see it."""

    source: str
    width: int
    height: int
    alternative: str


def picture(path: Path, alternative: str) -> Picture:
    """Read a PNG file; every pixel stays as it is, in half the bytes."""
    with Image.open(path) as image:
        return _webp(image.convert("RGB"), alternative, lossless=True)


def preview(path: Path, alternative: str, width: int) -> Picture:
    """Read a PNG file as a small picture, `width` pixels wide."""
    with Image.open(path) as image:
        size = (width, max(1, round(image.height * width / image.width)))
        return _webp(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), alternative, lossless=False)


def pixels(values: NDArray[np.uint8], alternative: str) -> Picture:
    """Return grey (h, w) or RGB (h, w, 3) values as a picture with every pixel as it is."""
    return _webp(Image.fromarray(values).convert("RGB"), alternative, lossless=True)


def _webp(image: Image.Image, alternative: str, *, lossless: bool) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=30 if lossless else 80, method=1)  # lossless: effort
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(source, image.width, image.height, alternative)
