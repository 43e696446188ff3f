"""Trained networks that take raw images: standardisation is a layer in front."""

import numpy as np
import torch
from torch import Tensor, nn

from dl4ia.data.imageset import ImageSet
from dl4ia.runs.experiment import Standardizer
from dl4ia.runs.predictions import trained
from dl4ia.runs.train import Experiment

_SMALLEST_STD = 1e-6  # as in `runs.experiment`: an image of a single colour stays finite


class Standardization(nn.Module):
    """What `Standardizer` does, as a layer; takes images (n, channels, h, w) of any numeric type."""

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, standardizer: Standardizer) -> None:
        super().__init__()
        for name, values in (("mean", standardizer.mean), ("std", standardizer.std)):
            self.register_buffer(name, None if values is None else torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return standardised float32 images."""
        # A copy instead of a conversion: torch.export fixes the type of what is converted to that of its example.
        images = torch.zeros_like(images, dtype=torch.float32).copy_(images)
        mean, std = self.mean, self.std
        if mean is None or std is None:  # each image by itself
            std, mean = torch.std_mean(images, dim=(2, 3), keepdim=True)
            std = std.clamp(min=_SMALLEST_STD)
        return (images - mean) / std


def served_model(experiment: Experiment) -> nn.Module:
    """Return the trained network of a finished run behind its standardisation: raw images in, logits out."""
    network, standardizer = trained(experiment)
    return nn.Sequential(Standardization(standardizer), network).eval()


def served_with_example(experiment: Experiment) -> tuple[nn.Module, np.ndarray]:
    """Return `served_model` and two raw images (2, channels, h, w) of the training partition."""
    images = ImageSet.load(experiment.layout.dataset(experiment.variant.task, "train")).images
    return served_model(experiment), images[:2]
