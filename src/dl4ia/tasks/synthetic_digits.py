"""The stand-in for MNIST: real handwritten digits (scikit-learn's `load_digits`, 8x8) brought to MNIST's size.

They are seeded, shifted, turned and scaled to MNIST's number of images, and have its shapes, types and parts.
"""

import numpy as np
import torch
from torch.nn import functional

_SEED = 20210510
_SIDE = 28
_COUNTS = {"train": 60_000, "test": 10_000}
_TEST_ORIGINALS = 297  # of 1797 digits: no test image is made from a digit that a training image is made from
_BATCH = 10_000


def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 1, 28, 28) uint8 and labels (n,) uint8 of the stand-in's `train` or `test` part."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (a second to import)

    pixels, labels = load_digits(return_X_y=True)
    chosen = slice(_TEST_ORIGINALS) if part == "test" else slice(_TEST_ORIGINALS, None)
    originals = torch.from_numpy(pixels[chosen].reshape(-1, 1, 8, 8)).float() / 16
    generator = torch.Generator().manual_seed(_SEED + (part == "test"))
    picks = torch.randint(len(originals), (_COUNTS[part],), generator=generator)
    images = torch.cat([_warped(originals[batch], generator) for batch in picks.split(_BATCH)])
    return images.numpy(), labels[chosen][picks.numpy()].astype(np.uint8)


def _warped(small: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Bring (n, 1, 8, 8) in [0, 1] to (n, 1, 28, 28) uint8, each turned, scaled, shifted and made noisy."""
    count = len(small)
    angle = torch.empty(count).uniform_(-0.35, 0.35, generator=generator)  # radians
    scale = torch.empty(count).uniform_(1.0, 1.5, generator=generator)
    shift = torch.empty(count, 2).uniform_(-0.2, 0.2, generator=generator)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    affine = torch.cat([turn * scale.view(-1, 1, 1), shift.unsqueeze(2)], dim=2)
    grid = functional.affine_grid(affine, [count, 1, _SIDE, _SIDE], align_corners=False)
    large = functional.grid_sample(small, grid, mode="bicubic", align_corners=False)
    noise = torch.empty_like(large).normal_(0, 0.08, generator=generator)
    return ((large + noise).clamp(0, 1) * 255).to(torch.uint8)
