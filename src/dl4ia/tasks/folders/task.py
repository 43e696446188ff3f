"""The tasks of datasets of one's own: what other tasks state as a class, their objects have from params.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dl4ia.base.errors import UnavailableError
from dl4ia.data.imageset import ImageSet
from dl4ia.models.network import Signature
from dl4ia.tasks.classification import Classification
from dl4ia.tasks.segmentation import Segmentation
from dl4ia.tasks.task import Task

if TYPE_CHECKING:
    from dl4ia.tasks.evaluator import Evaluator
    from dl4ia.tasks.folders.dataset import FolderDataset

_AT_RANDOM = ("random", "none", "random-folds", "random-repeats")
_BY_GROUP = ("patient", "patient-folds")


class FolderTask(Task):
    """A folder of images; `dataset` describes it."""

    dataset: "FolderDataset"
    publication = None
    parts: ClassVar = {"train": ("train",), "test": ("test",)}
    augmentations: ClassVar = ("flips", "quarter-turns", "affine", "elastic", "stain-jitter")

    def __init__(self, name: str, dataset: "FolderDataset", signature: Signature, classes: tuple[str, ...]) -> None:
        vars(self).update(  # attributes of the class, for other tasks
            name=name,
            title=dataset.title or name,
            experiment=name,
            dataset=dataset,
            signature=signature,
            classes=classes,
            measured=tuple(metric for metric in self.measured if not metric.startswith("object_")),
            strategies=_AT_RANDOM + (_BY_GROUP if dataset.groups else ()),
        )

    def takes(self, images: ImageSet) -> bool:
        """Return whether images are also of the size that params.yaml has now."""
        signature = self.signature
        return images.suits((signature.channels, signature.height, signature.width), signature.classes)

    def write(self, root: Path, datasets: Path) -> None:
        """Write the arrays of the folder, which is relative to `root` or absolute, to `datasets`; raises DataError."""
        from dl4ia.tasks.folders.importing import import_folder  # noqa: PLC0415 (see tasks/task.py)

        import_folder(self, root / self.dataset.folder, datasets)

    def read(self, folder: Path, parts: tuple[str, ...]) -> ImageSet:
        """Read the images of the one part; raises DataError that names what is wrong with which file."""
        from dl4ia.tasks.folders.files import read  # noqa: PLC0415

        (part,) = parts
        return read(self, folder, part)

    def stand_in(self, parts: tuple[str, ...]) -> ImageSet:
        """Raise UnavailableError: nobody else has such images."""
        raise UnavailableError(f"task {self.name} has no stand-in for its part {', '.join(parts)}")


class MaskTask(FolderTask, Segmentation):
    """Which pixels are foreground."""

    def evaluator(self) -> "Evaluator":
        """Return the evaluation of masks."""
        from dl4ia.tasks.folders.results import MaskEvaluator  # noqa: PLC0415

        return MaskEvaluator(has_groups=self.dataset.groups is not None)


class ClassTask(FolderTask, Classification):
    """Which class an image is of."""

    def evaluator(self) -> "Evaluator":
        """Return the evaluation of classes."""
        from dl4ia.tasks.folders.results import ClassEvaluator, GroupedClassEvaluator  # noqa: PLC0415

        return (GroupedClassEvaluator if self.dataset.groups else ClassEvaluator)(self.classes)
