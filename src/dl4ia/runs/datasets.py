"""The arrays of a dataset, as the download stage wrote them."""

from typing import Literal

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet
from dl4ia.runs.layout import Layout
from dl4ia.tasks import Task


def load_partition(layout: Layout, task: Task, partition: Literal["train", "test"]) -> ImageSet:
    """Return the training or the test images of a task.

    Raises DataError if they are missing or corrupt, of another shape, or if a target is no class of the task.
    """
    path, signature = layout.dataset(task.name, partition), task.signature
    images, shape = ImageSet.load(path), (signature.channels, signature.height, signature.width)
    if not task.takes(images):
        raise DataError(
            f"{path}: images of {images.images.shape[1:]} and targets up to {images.targets.max()}, expected {shape} "
            f"and at most {signature.classes - 1}: run `dvc repro -f download`, `dvc repro download-folder` for your "
            f"own folders"
        )
    return images
