"""The arrays of a dataset, as the download stage wrote them."""

from typing import Literal

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet
from dl4ia.runs.layout import Layout
from dl4ia.tasks import Task


def load_partition(layout: Layout, task: Task, partition: Literal["train", "test"]) -> ImageSet:
    """Return the training or the test images of a task.

    Raises DataError if they are missing or corrupt, or if a target is no class of the task.
    """
    path, classes = layout.dataset(task.name, partition), task.signature.classes
    images = ImageSet.load(path)
    if (largest := int(images.targets.max())) >= classes:
        raise DataError(
            f"{path}: a target is {largest}, expected one of the classes 0 to {classes - 1}: "
            f"run `dvc repro -f download`"
        )
    return images
