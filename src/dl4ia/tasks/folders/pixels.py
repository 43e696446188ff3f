"""From a picture of any size to what networks take, for training and prediction alike."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Channels = Literal["rgb", "grey", "stains"]
CHANNELS: dict[Channels, int] = {"rgb": 3, "grey": 1, "stains": 2}


def as_image(picture: NDArray[np.uint8], channels: Channels, size: int) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return an RGB picture (h, w, 3) as an image (channels, size, size), resized with anti-aliasing.

    Colours and grey are 8 bits; stains are densities of haematoxylin and eosin, by colour deconvolution (Ruifrok and
    Johnston, 2001).
    """
    if channels == "stains":
        return _stains(picture, size)
    whole = Image.fromarray(picture)
    resized = (whole.convert("L") if channels == "grey" else whole).resize((size, size), Image.Resampling.BILINEAR)
    return np.array(resized).reshape(size, size, -1).transpose(2, 0, 1)


def as_mask(mask: NDArray[np.bool_], size: int) -> NDArray[np.uint8]:
    """Return a mask (h, w) as 0 and 1 at (size, size), by nearest neighbour."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).resize((size, size), Image.Resampling.NEAREST))


def _stains(picture: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    from skimage.color import rgb2hed  # noqa: PLC0415 (a second to import, and few datasets need them)
    from skimage.transform import resize  # noqa: PLC0415

    densities = rgb2hed(picture)[..., :2]
    resized = resize(densities, (size, size), order=1, anti_aliasing=True)
    return np.asarray(np.moveaxis(resized, -1, 0), dtype=np.float32)
