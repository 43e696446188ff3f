"""Exercises 2.1 and 2.2: which pixels are gland? Stains (n, 2, 128, 128) in, logits (n, 2, 128, 128) out."""

from itertools import pairwise

from torch import nn

from dl4ia.config import ConvDeconv
from dl4ia.models.layers import convolution, pool_and_activate

STAINS, CLASSES = 2, 2


def conv_deconv(config: ConvDeconv) -> nn.Sequential:
    """Exercise 2.1: the classifier of 1.3 up to its last convolution, then as many upsamplings as there were pools."""
    *pooled, deepest = config.maps
    layers: list[nn.Module] = []
    for inputs, maps in pairwise((STAINS, *pooled)):
        layers += [convolution(inputs, maps), *pool_and_activate(nn.ReLU(), pool_first=True)]
    layers += [convolution(pooled[-1], deepest), nn.ReLU()]
    for inputs, maps in pairwise(reversed(config.maps)):
        layers += [nn.ConvTranspose2d(inputs, maps, kernel_size=4, stride=2, padding=1), nn.ReLU()]
    if not config.relu_after_last_upsampling:
        layers.pop()
    layers.append(nn.Conv2d(config.maps[0], CLASSES, kernel_size=1))
    if config.relu_on_logits:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)
