"""The optimizers of the report, by name."""

from torch import nn, optim

from dl4ia.config import Adam, Sgd
from dl4ia.config import AdamW as AdamWConfig


def optimizer_for(network: nn.Module, config: Sgd | Adam | AdamWConfig) -> optim.Optimizer:
    """Return the optimizer of `network`; what `config` does not name has PyTorch's default."""
    parameters, rate = network.parameters(), config.learning_rate
    match config:
        case Sgd():
            return optim.SGD(parameters, rate, momentum=config.momentum)
        case Adam():
            return optim.Adam(parameters, rate)
        case AdamWConfig():
            return optim.AdamW(parameters, rate, weight_decay=config.weight_decay)
