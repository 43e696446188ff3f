"""Exercises 2.1 to 2.4: which pixels are gland? Stains (n, 2, 128, 128) in, logits (n, 2, 128, 128) out."""

import torch
from torch import Tensor, nn

from dl4ia.config import ConvDeconv
from dl4ia.models.layers import convolution, pool_and_activate

STAINS, CLASSES = 2, 2


def conv_deconv(config: ConvDeconv) -> nn.Sequential:
    """Exercise 2.1: the classifier of 1.3 up to its last convolution, then as many upsamplings as there were pools."""
    layers = _down_and_up(STAINS, config.maps, config, last_relu=config.relu_after_last_upsampling)
    layers.append(nn.Conv2d(_outputs(config.width, config), CLASSES, kernel_size=1))
    if config.relu_on_logits:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _down_and_up(inputs: int, maps: tuple[int, ...], config: ConvDeconv, *, last_relu: bool) -> list[nn.Module]:
    """Return the layers from `inputs` maps at one resolution down to the lowest, and back up to that resolution."""
    width, *deeper = maps
    layers: list[nn.Module] = [convolution(inputs, width), *_normalized(width, config)]
    if not deeper:
        return [*layers, nn.ReLU(), *_refined(width, config)]
    pool, relu = pool_and_activate(nn.ReLU(), pool_first=True)
    below = [*_refined(width, config), *_down_and_up(width, tuple(deeper), config, last_relu=True)]
    from_below = _outputs(deeper[0], config) if len(deeper) > 1 else deeper[0]
    below.append(nn.ConvTranspose2d(from_below, width, kernel_size=4, stride=2, padding=1))
    below += [*_normalized(width, config), *([nn.ReLU()] if last_relu else []), *_refined(width, config)]
    if config.skip_connections:
        return [*layers, relu, Concatenated(pool, *below)]
    return [*layers, pool, relu, *below]


def _outputs(width: int, config: ConvDeconv) -> int:
    """Return the number of maps after the way down from `width` maps and back up."""
    return 2 * width if config.skip_connections else width


def _normalized(width: int, config: ConvDeconv) -> list[nn.Module]:
    return [nn.BatchNorm2d(width)] if config.batch_norm else []


def _refined(width: int, config: ConvDeconv) -> list[nn.Module]:
    if not config.residual:
        return []
    first = [convolution(width, width), *_normalized(width, config), nn.ReLU()]
    return [Residual(*first, convolution(width, width), *_normalized(width, config))]


class Concatenated(nn.Module):
    """Exercise 2.3: what goes in beside what the layers make of it (Ronneberger et al., U-Net, 2015)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        return torch.cat([features, self.layers(features)], dim=1)


class Residual(nn.Module):
    """Exercise 2.4: a ReLU of the sum of what goes in and what the layers make of it (He et al., ResNet, 2016)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        return torch.relu(features + self.layers(features))
