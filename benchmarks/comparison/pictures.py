"""The training images as a data set of PyTorch, with the transforms of torchvision."""

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.comparison.problems import Problem

Example = tuple[Tensor, Tensor]


class Pictures(Dataset[Example]):
    """Images with their targets, each transformed when it is asked for; of glands, the mask with it."""

    def __init__(self, problem: Problem) -> None:
        part, standardizer = problem.data.take(problem.split.train), problem.standardizer
        assert standardizer.mean is not None
        assert standardizer.std is not None
        self._images, self._targets = torch.from_numpy(part.images), torch.from_numpy(part.targets).long()
        flips = [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()] if problem.flips else []
        standardized = [v2.ToDtype(torch.float32), v2.Normalize(list(standardizer.mean), list(standardizer.std))]
        self._transform = v2.Compose([*flips, *standardized])
        self._dense = problem.task.signature.dense

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Example:
        image = tv_tensors.Image(self._images[index])
        if not self._dense:
            return self._transform(image), self._targets[index]
        image, target = self._transform(image, tv_tensors.Mask(self._targets[index]))
        return image, target


def batches(problem: Problem, iterations: int) -> DataLoader[Example]:
    """Return so many full batches, of one shuffled epoch after another, loaded in this process.

    Processes of their own for loading, on two cores that are busy, make a training slower.
    """
    pictures = Pictures(problem)
    sampler = RandomSampler(pictures, num_samples=iterations * problem.batch_size)
    return DataLoader(pictures, problem.batch_size, sampler=sampler)


def epochs(problem: Problem) -> DataLoader[Example]:
    """Return the full batches of one epoch."""
    return DataLoader(Pictures(problem), problem.batch_size, shuffle=True, drop_last=True)


def validation(problem: Problem) -> DataLoader[Example]:
    """Return the validation images, in batches as large as those of the training."""
    data = torch.utils.data.TensorDataset(problem.validation.images, problem.validation.targets)
    return DataLoader(data, problem.batch_size)  # type: ignore[arg-type]
