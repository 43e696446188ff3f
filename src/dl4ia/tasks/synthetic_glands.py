"""The stand-in for Warwick-QU: drawn ring-shaped glands, seeded, with the shapes, types and parts of the real set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dl4ia.data.imageset import ImageSet

_SEED = 20210510
_SIDE = 128
_GLANDS = {"train": 85, "test_a": 60, "test_b": 20}
_PATIENTS = 16


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
        objects=None if "train" in parts else _objects([mask for _, _, pairs in sets for _, mask in pairs]),
    )


def _objects(masks: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return masks with their connected regions numbered; glands that touch are one object."""
    from skimage.measure import label  # noqa: PLC0415 (only the stand-in needs it)

    return np.stack([label(mask) for mask in masks]).astype(np.uint8)


def _tissue(rng: np.random.Generator, patient: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw ring-shaped glands on a textured ground: stains (2, 128, 128) and their mask (128, 128)."""
    contrast = 1.0 + 0.3 * np.sin(patient)  # a patient's glands look alike
    haematoxylin = 0.5 + 0.15 * _texture(rng, 2) + 0.15 * _texture(rng, 12)
    eosin = 0.5 + 0.15 * _texture(rng, 4) + 0.15 * _texture(rng, 12)
    mask = np.zeros((_SIDE, _SIDE), dtype=np.uint8)
    for _ in range(rng.integers(2, 7)):
        distance = _gland_distance(rng, irregular=0.1 + 0.2 * (patient % 2 == 0))
        inside, wall = distance < 1, (distance > 0.65) & (distance < 1)  # noqa: PLR2004 (a third of it is wall)
        mask[inside] = 1
        haematoxylin = np.where(
            wall, haematoxylin + 0.45 * contrast, np.where(inside, haematoxylin - 0.1, haematoxylin)
        )
        eosin = np.where(inside & ~wall, eosin - 0.4 * contrast, eosin)
    stains = np.stack([haematoxylin, eosin]) + rng.normal(0, 0.08, (2, _SIDE, _SIDE))
    return (0.1 * stains).astype(np.float32), mask


def _gland_distance(rng: np.random.Generator, irregular: float) -> NDArray[np.float64]:
    """Return the distance to a gland's centre at each pixel, in units of its radius in that direction."""
    centre = rng.uniform(0, _SIDE, 2)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    radius = rng.uniform(10, 30) * (1 + sum(
        rng.normal(0, irregular / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi)) for order in (2, 3, 5)
    ))  # fmt: skip
    return np.asarray(np.hypot(rows - centre[0], columns - centre[1]) / np.clip(radius, 4, None))


def _texture(rng: np.random.Generator, width: float) -> NDArray[np.float64]:
    """Return smooth noise of mean 0 and standard deviation 1 whose grains are about `width` pixels wide."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 (only the stand-in needs it)

    noise = gaussian_filter(rng.normal(size=(_SIDE, _SIDE)), width)
    return np.asarray((noise - noise.mean()) / noise.std())
