"""What training minimises."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Equation 1, averaged over images or pixels: ln sum_l exp(z_l) - z_target.

    `logits` (n, classes, ...) and `targets` (n, ...) of class indices; a scalar.
    """
    return functional.cross_entropy(logits, targets)


def l2_penalty(network: nn.Module) -> Tensor:
    """Return the sum over all weights of W squared (Equation 2), biases left out."""
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    return torch.stack([weight.square().sum() for weight in weights]).sum()
