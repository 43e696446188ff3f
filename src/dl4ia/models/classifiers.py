"""Exercises 1.1 to 1.5: which digit is it? Images (n, 1, 28, 28) in, logits (n, 10) out."""

from itertools import pairwise

from torch import nn

from dl4ia.config import MNIST_SIDE, Cnn, Mlp
from dl4ia.models.layers import ACTIVATIONS, convolution, pool_and_activate

CLASSES = 10


def classifier(config: Mlp | Cnn) -> nn.Sequential:
    """Return the untrained network that `config` describes."""
    return mlp(config) if isinstance(config, Mlp) else cnn(config)


def mlp(config: Mlp) -> nn.Sequential:
    """Exercise 1.1: 784 inputs, hidden layers with ReLU, 10 logits."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise((MNIST_SIDE**2, *config.hidden)):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(config.hidden[-1], CLASSES))


def cnn(config: Cnn) -> nn.Sequential:
    """Exercises 1.2 to 1.5: convolutions, the first ones pooled, then one linear layer."""
    activation = ACTIVATIONS[config.activation]
    layers: list[nn.Module] = []
    side = MNIST_SIDE
    for position, (inputs, maps) in enumerate(pairwise((1, *config.maps)), start=1):
        if position in config.batch_norm_before:
            layers.append(nn.BatchNorm2d(inputs))
        layers.append(convolution(inputs, maps))
        if position <= config.pools:
            layers += pool_and_activate(activation(), pool_first=config.pool_first)
            side //= 2
        else:
            layers.append(activation())
    layers += [nn.Flatten(), nn.Linear(config.maps[-1] * side**2, CLASSES)]
    if config.log_softmax:
        layers.append(nn.LogSoftmax(dim=1))
    return nn.Sequential(*layers)
