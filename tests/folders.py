"""Folders of images as people have them: coins with masks, and handwritten digits by class."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes, binary_opening, gaussian_filter
from skimage.data import coins
from sklearn.datasets import load_digits

COINS = """
  coins: {kind: segmentation, folder: coins, title: Ancient coins, channels: grey, size: 16}
"""
NUMBERS = """
  numbers: {kind: classification, folder: numbers, size: 8, classes: [zero, one, two]}
"""
_HEIGHT, _WIDTH = 50, 48  # of a cut-out, in which a coin of 40 pixels fits


def tiles() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Return 48 pieces (50, 48) of a photograph of coins with their masks, by name."""
    whole = coins()
    brighter = gaussian_filter(whole.astype(float), 2) > gaussian_filter(whole.astype(float), 40) * 1.05
    mask = binary_opening(binary_fill_holes(brighter), iterations=3)
    places = [(row, column) for row in range(0, 300, _HEIGHT) for column in range(0, 384, _WIDTH)]
    cut = {f"{row}-{column}": np.s_[row : row + _HEIGHT, column : column + _WIDTH] for row, column in places}
    return {name: (whole[place], mask[place]) for name, place in cut.items()}


def write_coins(folder: Path, suffixes: Iterable[str] = (".png", ".tif", ".jpg", ".bmp")) -> None:
    """Write `images/` in several formats, and `masks/` as PNG."""
    endings = list(suffixes)
    for number, (name, (image, mask)) in enumerate(tiles().items()):
        save(image, folder / "images" / f"{name}{endings[number % len(endings)]}")
        save(mask.astype(np.uint8) * 255, folder / "masks" / f"{name}.png")


def write_numbers(folder: Path, each: int = 30) -> None:
    """Write a folder of 40x40 JPEG files for each of three digits."""
    digits = load_digits()
    for label, name in enumerate(("zero", "one", "two")):
        for number in np.flatnonzero(digits.target == label)[:each]:
            pixels = (255 - 15 * digits.images[number]).astype(np.uint8)
            save(np.asarray(Image.fromarray(pixels).resize((40, 40))), folder / name / f"{number}.jpg")


def save(pixels: NDArray[np.generic], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
