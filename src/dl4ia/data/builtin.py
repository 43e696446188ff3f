"""The stand-in: data that ships with the code, for where the real data cannot be had.

Handwritten digits are real (scikit-learn's `load_digits`, 8x8) and are shifted, turned and scaled to MNIST's number
and size; glands are drawn. Both are seeded, and have the shapes, types and parts of the real sets.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from dl4ia.config import MNIST_SIDE, WARWICK_SIDE
from dl4ia.data import mnist
from dl4ia.data.imageset import ImageSet

_SEED = 20210510
_DIGITS = {"train": 60_000, "test": 10_000}
_TEST_ORIGINALS = 297  # of 1797 digits: no test image is made from a digit that a training image is made from
_BATCH = 10_000
_GLANDS = {"train": 85, "test_a": 60, "test_b": 20}
_PATIENTS = 16


def digits(part: str) -> ImageSet:
    """Return the stand-in for MNIST's `train` or `test` part."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (a second to import)

    pixels, labels = load_digits(return_X_y=True)
    chosen = slice(_TEST_ORIGINALS) if part == "test" else slice(_TEST_ORIGINALS, None)
    originals = torch.from_numpy(pixels[chosen].reshape(-1, 1, 8, 8)).float() / 16
    generator = torch.Generator().manual_seed(_SEED + (part == "test"))
    picks = torch.randint(len(originals), (_DIGITS[part],), generator=generator)
    images = torch.cat([_warped(originals[batch], generator) for batch in picks.split(_BATCH)])
    return mnist.digits(images.numpy(), labels[chosen][picks.numpy()].astype(np.uint8), part)


def _warped(small: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Bring (n, 1, 8, 8) in [0, 1] to (n, 1, 28, 28) uint8, each turned, scaled, shifted and made noisy."""
    count = len(small)
    angle = torch.empty(count).uniform_(-0.35, 0.35, generator=generator)  # radians
    scale = torch.empty(count).uniform_(1.0, 1.5, generator=generator)
    shift = torch.empty(count, 2).uniform_(-0.2, 0.2, generator=generator)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    affine = torch.cat([turn * scale.view(-1, 1, 1), shift.unsqueeze(2)], dim=2)
    grid = functional.affine_grid(affine, [count, 1, MNIST_SIDE, MNIST_SIDE], align_corners=False)
    large = functional.grid_sample(small, grid, mode="bicubic", align_corners=False)
    noise = torch.empty_like(large).normal_(0, 0.08, generator=generator)
    return ((large + noise).clamp(0, 1) * 255).to(torch.uint8)


def glands(parts: tuple[str, ...]) -> ImageSet:
    """Return the stand-in for the `parts` (`train`, `test_a`, `test_b`) of Warwick-QU."""
    sets = []
    for part in parts:
        rng = np.random.default_rng([_SEED, list(_GLANDS).index(part)])
        patients = rng.integers(1, _PATIENTS + 1, _GLANDS[part])
        pairs = [_tissue(rng, int(patient)) for patient in patients]
        sets.append((part, patients, pairs))
    return ImageSet(
        images=np.stack([stains for _, _, pairs in sets for stains, _ in pairs]),
        targets=np.stack([mask for _, _, pairs in sets for _, mask in pairs]),
        names=np.array([f"{part}_{index + 1}" for part, _, pairs in sets for index in range(len(pairs))]),
        groups=np.concatenate([patients for _, patients, _ in sets]),
        strata=np.concatenate([np.where(patients % 2, "benign", "malignant") for _, patients, _ in sets]),
        partition=np.concatenate([np.full(len(pairs), part) for part, _, pairs in sets]),
    )


def _tissue(rng: np.random.Generator, patient: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw ring-shaped glands on a textured ground: stains (2, 128, 128) and their mask (128, 128)."""
    contrast = 1.0 + 0.3 * np.sin(patient)  # a patient's glands look alike
    haematoxylin = 0.5 + 0.15 * _texture(rng, 2) + 0.15 * _texture(rng, 12)
    eosin = 0.5 + 0.15 * _texture(rng, 4) + 0.15 * _texture(rng, 12)
    mask = np.zeros((WARWICK_SIDE, WARWICK_SIDE), dtype=np.uint8)
    for _ in range(rng.integers(2, 7)):
        distance = _gland_distance(rng, irregular=0.1 + 0.2 * (patient % 2 == 0))
        inside, wall = distance < 1, (distance > 0.65) & (distance < 1)  # noqa: PLR2004 (a third of it is wall)
        mask[inside] = 1
        haematoxylin = np.where(
            wall, haematoxylin + 0.45 * contrast, np.where(inside, haematoxylin - 0.1, haematoxylin)
        )
        eosin = np.where(inside & ~wall, eosin - 0.4 * contrast, eosin)
    stains = np.stack([haematoxylin, eosin]) + rng.normal(0, 0.08, (2, WARWICK_SIDE, WARWICK_SIDE))
    return (0.1 * stains).astype(np.float32), mask


def _gland_distance(rng: np.random.Generator, irregular: float) -> NDArray[np.float64]:
    """Return the distance to a gland's centre at each pixel, in units of its radius in that direction."""
    centre = rng.uniform(0, WARWICK_SIDE, 2)
    rows, columns = np.mgrid[:WARWICK_SIDE, :WARWICK_SIDE]
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    radius = rng.uniform(10, 30) * (1 + sum(
        rng.normal(0, irregular / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi)) for order in (2, 3, 5)
    ))  # fmt: skip
    return np.asarray(np.hypot(rows - centre[0], columns - centre[1]) / np.clip(radius, 4, None))


def _texture(rng: np.random.Generator, width: float) -> NDArray[np.float64]:
    """Return smooth noise of mean 0 and standard deviation 1 whose grains are about `width` pixels wide."""
    noise = gaussian_filter(rng.normal(size=(WARWICK_SIDE, WARWICK_SIDE)), width)
    return np.asarray((noise - noise.mean()) / noise.std())
