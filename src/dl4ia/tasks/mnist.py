"""MNIST (LeCun, Cortes, Burges): 60 000 + 10 000 handwritten digits of 28x28."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from dl4ia.data.imageset import ImageSet
from dl4ia.data.publication import Publication
from dl4ia.models.network import Signature
from dl4ia.tasks.classification import Classification

_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def _addresses() -> Sequence[str]:
    from torchvision.datasets import MNIST  # noqa: PLC0415 (seconds to import)

    return list(MNIST.mirrors)


class Mnist(Classification):
    """Handwritten digits: which one is it."""

    name = "mnist"
    title = "MNIST"
    experiment = "mnist-classification"
    publication = Publication("mnist", _MD5, "md5", _addresses, unpacked=("MNIST/raw",))
    parts: ClassVar = {"train": ("train",), "test": ("test",)}
    signature = Signature(channels=1, height=28, width=28, classes=10, dense=False)
    classes = tuple(str(digit) for digit in range(10))
    strategies: ClassVar = ("random", "none")  # who wrote which digit is not published
    augmentations: ClassVar = ("affine", "elastic")

    def read(self, folder: Path, parts: tuple[str, ...]) -> ImageSet:
        """Read the IDX files of the one part."""
        from dl4ia.tasks.mnist_files import read  # noqa: PLC0415 (see tasks/task.py)

        (part,) = parts
        return read(folder, part)

    def stand_in(self, parts: tuple[str, ...]) -> ImageSet:
        """Return scikit-learn's digits, brought to MNIST's size and number."""
        from dl4ia.tasks.mnist_files import digit_set  # noqa: PLC0415
        from dl4ia.tasks.synthetic_digits import digits  # noqa: PLC0415

        (part,) = parts
        return digit_set(*digits(part), part)
