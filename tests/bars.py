"""A third task and a network of its own: what someone who extends the project writes, outside its sources."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from dl4ia.base.schema import Size
from dl4ia.data.imageset import ImageSet
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature
from dl4ia.tasks import register
from dl4ia.tasks.classification import Classification

_COUNT, _SIDE = 120, 12


@NETWORKS.register
class Projections(NetworkConfig):
    """Settings of the network below."""

    kind: Literal["projections"]
    hidden: Size

    def build(self, signature: Signature) -> nn.Module:
        return ProjectionsNetwork(signature, self.hidden)


class ProjectionsNetwork(nn.Module):
    """Looks at the sums of rows and of columns: no list of layers."""

    def __init__(self, signature: Signature, hidden: int) -> None:
        super().__init__()
        self.rows = nn.Linear(signature.height, hidden)
        self.columns = nn.Linear(signature.width, hidden)
        self.head = nn.Linear(2 * hidden, signature.classes)

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = self.rows(images.mean(dim=(1, 3))), self.columns(images.mean(dim=(1, 2)))
        return self.head(torch.cat([rows, columns], dim=1).relu())


class Bars(Classification):
    """Is the bar horizontal, vertical, or is there none?"""

    name = "bars"
    title = "Bars"
    experiment = "bars"
    publication = None
    parts: ClassVar = {"train": ("train",), "test": ("test",)}
    signature = Signature(channels=1, height=_SIDE, width=_SIDE, classes=3, dense=False)
    classes = ("none", "horizontal", "vertical")
    strategies: ClassVar = ("random", "none")
    augmentations: ClassVar = ()

    def read(self, folder: Path, parts: tuple[str, ...]) -> ImageSet:
        raise NotImplementedError(f"{parts} are not published in {folder}")

    def stand_in(self, parts: tuple[str, ...]) -> ImageSet:
        (part,) = parts
        rng = np.random.default_rng(len(part))
        labels = rng.integers(0, 3, _COUNT)
        images = rng.normal(100, 10, (_COUNT, 1, _SIDE, _SIDE))
        for image, label, place in zip(images[:, 0], labels, rng.integers(1, _SIDE - 1, _COUNT), strict=True):
            image[place if label == 1 else slice(None), place if label == 2 else slice(None)] += 60 * (label > 0)
        return ImageSet(
            images=images.clip(0, 255).astype(np.uint8),
            targets=labels.astype(np.uint8),
            names=np.array([f"{part}_{index}" for index in range(_COUNT)]),
            groups=np.arange(_COUNT),
            strata=labels.astype(str),
            partition=np.full(_COUNT, part),
        )


register(Bars())
