"""Warwick-QU (GlaS, MICCAI 2015): 165 stained images of colon glands with masks, from 16 patients.

Sirinukunwattana et al., Medical Image Analysis 35 (2017), doi 10.1016/j.media.2016.08.008.
"""

from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from dl4ia.data.imageset import ImageSet
from dl4ia.data.publication import Publication
from dl4ia.models.network import Signature
from dl4ia.tasks.segmentation import Segmentation


def _checksums() -> dict[str, str]:
    """Return the SHA-256 of each of the 331 published files."""
    lines = files("dl4ia.tasks").joinpath("warwick.sha256").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


class Warwick(Segmentation):
    """Images of tissue: which pixels are gland."""

    name = "warwick"
    title = "Warwick-QU"
    experiment = "warwick-segmentation"
    publication = Publication(
        "warwick",
        _checksums(),
        "sha256",
        lambda: ["https://warwick.ac.uk/fac/cross_fac/tia/data/glascontest/download/"],
        unpacked=("Warwick QU Dataset (Released 2016_07_08)",),
        archive="warwick_qu_dataset_released_2016_07_08.zip",
        archive_md5="495b2a9f3d694545fbec06673fb3f40f",
    )
    parts: ClassVar = {"train": ("train",), "test": ("test_a", "test_b")}
    signature = Signature(channels=2, height=128, width=128, classes=2, dense=True)
    classes = ("background", "gland")
    strategies: ClassVar = ("random", "patient", "none", "random-folds", "patient-folds", "random-repeats",
                            "patient-repeats")  # fmt: skip
    augmentations: ClassVar = ("flips", "quarter-turns", "affine", "elastic", "stain-jitter")

    def read(self, folder: Path, parts: tuple[str, ...]) -> ImageSet:
        """Prepare images as two stain channels and a mask."""
        from dl4ia.tasks.warwick_files import read  # noqa: PLC0415 (see tasks/task.py)

        return read(folder, parts)

    def stand_in(self, parts: tuple[str, ...]) -> ImageSet:
        """Return drawn glands."""
        from dl4ia.tasks.synthetic_glands import glands  # noqa: PLC0415

        return glands(parts)
