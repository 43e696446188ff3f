"""The optimizers of the report, by name."""

from torch import nn, optim

from dl4ia.config import Adam, Regularization, Sgd


def optimizer_for(network: nn.Module, config: Sgd | Adam, regularization: Regularization) -> optim.Optimizer:
    """Return the optimizer of `network`; what `config` does not name has PyTorch's default.

    Weight decay is PyTorch's of that optimizer: added to the gradient by SGD, apart from it by Adam, which then is
    AdamW (Loshchilov and Hutter, 2019). It takes all parameters, while the penalty of Equation 2 leaves biases out.
    """
    parameters, rate, decay = network.parameters(), config.learning_rate, regularization.weight_decay
    if isinstance(config, Sgd):
        return optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay)
    if regularization.kind == "weight-decay":
        return optim.AdamW(parameters, rate, weight_decay=decay)
    return optim.Adam(parameters, rate)
