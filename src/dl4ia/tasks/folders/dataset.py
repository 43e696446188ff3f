"""A dataset of one's own, as params.yaml describes it: a folder of images with masks, or of images by class."""

from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Seed, Strict
from dl4ia.data.splits import SplitSizes
from dl4ia.models.network import Signature
from dl4ia.tasks.folders.pixels import CHANNELS, Channels
from dl4ia.tasks.folders.task import ClassTask, FolderTask, MaskTask

_LARGEST = 1024  # pixels per side: of more, a batch of eight in a small U-Net fills the memory of a laptop

FolderName = Annotated[str, Field(pattern=r"^[^/\\]+$")]


class FolderDataset(Strict):
    """What is in a folder and what is made of it. Subclasses have `kind: Literal["..."]` and are registered.

    Images are brought to `size` x `size` pixels, with those channels. `test` is the fraction of the images, drawn with
    `seed`, that trainings never see; or `folder`: there are folders `train` and `test`, each as the whole folder would
    be. `groups` is a table in the folder with columns `file` and `group`, such as the patient: no group is divided.
    `split` says how the rest is divided to validate.
    """

    kind: str
    folder: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)] | None = None
    channels: Channels = "rgb"
    size: Annotated[int, Field(ge=8, le=_LARGEST)]
    test: Annotated[float, Field(gt=0, le=0.5)] | Literal["folder"] = 0.2
    seed: Seed = 0
    groups: Annotated[str, Field(min_length=1)] | None = None
    split: SplitSizes = SplitSizes(seed=0, validation=0.2)

    @abstractmethod
    def task(self, name: str) -> FolderTask:
        """Return the task of that name, which asks for what is in this folder."""

    def signature(self, classes: int, *, dense: bool) -> Signature:
        """Return the shapes of its images and of what networks say of them."""
        return Signature(CHANNELS[self.channels], self.size, self.size, classes, dense)


DATASETS: Registry[FolderDataset] = Registry("kind of dataset")


@DATASETS.register
class MaskFolder(FolderDataset):
    """Folders `images` and `masks`, whose files have the same names: which pixels are foreground."""

    kind: Literal["segmentation"]

    def task(self, name: str) -> MaskTask:
        """Return the task that asks for the mask of an image."""
        classes = ("background", "foreground")
        return MaskTask(name, self, self.signature(len(classes), dense=True), classes)


@DATASETS.register
class ClassFolder(FolderDataset):
    """A folder for each of `classes`, with the images of that class: which one is it."""

    kind: Literal["classification"]
    classes: Annotated[tuple[FolderName, ...], Field(min_length=2, max_length=255)]

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        if len({*self.classes}) < len(self.classes):
            raise ValueError(f"classes {list(self.classes)} names one twice")
        return self

    def task(self, name: str) -> ClassTask:
        """Return the task that asks for the class of an image."""
        return ClassTask(name, self, self.signature(len(self.classes), dense=False), self.classes)
