"""Classes of whole images."""

import torch
from torch import Tensor


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 for each image (n,) whose largest logit (n, classes) is that of its label, else 0."""
    return (logits.argmax(dim=1) == labels).float()


def confusion_matrix(labels: Tensor, guesses: Tensor, classes: int) -> Tensor:
    """Count each (label, guess) pair: rows are true labels, columns are guesses, (classes, classes)."""
    return torch.bincount(labels * classes + guesses, minlength=classes**2).view(classes, classes)
