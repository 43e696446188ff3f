"""Classes of whole images."""

import torch
from torch import Tensor


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 for each image (n,) whose largest logit (n, classes) is that of its label, else 0."""
    return (logits.argmax(dim=1) == labels).float()


def confusion_matrix(actual: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count each pair of classes (n,): rows are actual, columns predicted classes, (classes, classes)."""
    return torch.bincount(actual * classes + predicted, minlength=classes**2).view(classes, classes)
