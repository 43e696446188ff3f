"""The penalty of Equation 2."""

import torch
from torch import Tensor, nn


def l2_penalty(network: nn.Module) -> Tensor:
    """Return the sum over all weights of W squared (Equation 2), biases left out."""
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    return torch.stack([weight.square().sum() for weight in weights]).sum()
