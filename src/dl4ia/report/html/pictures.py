"""Pictures inside a page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True)
class Picture:
    """A picture as a `data:` URI, with its size in pixels and a text for those who do not see it."""

    source: str
    width: int
    height: int
    alternative: str


def picture(path: Path, alternative: str) -> Picture:
    """Read a PNG file."""
    with Image.open(path) as image:
        width, height = image.size
    return Picture(_uri("png", path.read_bytes()), width, height, alternative)


def preview(path: Path, alternative: str, width: int) -> Picture:
    """Read a PNG file as a small picture, `width` pixels wide."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize(
            (width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS
        )
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82)
    return Picture(_uri("webp", buffer.getvalue()), small.width, small.height, alternative)


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
