"""The optimizers of the report, and what keeps the weights small."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import nn, optim

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


class Regularization(Strict):
    """What keeps the weights small: the penalty of Equation 2, or the optimizer's weight decay.

    They are different experiments: the report states the one and its code does the other. `strength` is lambda.
    """

    kind: Literal["l2", "weight-decay"]
    strength: NonNegativeFloat

    @property
    def l2(self) -> float:
        """The lambda of Equation 2, which is added to the loss; 0 where weight decay is chosen."""
        return self.strength if self.kind == "l2" else 0.0

    @property
    def weight_decay(self) -> float:
        """The lambda of the optimizer's weight decay; 0 where Equation 2 is chosen."""
        return self.strength if self.kind == "weight-decay" else 0.0


class OptimizerConfig(Strict):
    """The settings of an optimizer, with its builder. Subclasses are registered."""

    kind: str
    learning_rate: PositiveFloat

    @abstractmethod
    def build(self, network: nn.Module, regularization: Regularization) -> optim.Optimizer:
        """Return the optimizer of all parameters of `network`; what the settings do not name has PyTorch's default.

        It is the fused implementation, one pass over the weights: up to a fourteenth of a step is saved. Weight decay
        takes all parameters, while the penalty of Equation 2 leaves biases out.
        """


OPTIMIZERS: Registry[OptimizerConfig] = Registry("optimizer")


@OPTIMIZERS.register
class Sgd(OptimizerConfig):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient."""

    kind: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]

    def build(self, network: nn.Module, regularization: Regularization) -> optim.Optimizer:
        """Return SGD; see the base class."""
        momentum, decay = self.momentum, regularization.weight_decay
        return optim.SGD(network.parameters(), self.learning_rate, momentum=momentum, weight_decay=decay, fused=True)


@OPTIMIZERS.register
class Adam(OptimizerConfig):
    """Adam (Kingma and Ba, 2015); with weight decay, AdamW, which decouples it from the gradient.

    Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """

    kind: Literal["adam"]

    def build(self, network: nn.Module, regularization: Regularization) -> optim.Optimizer:
        """Return AdamW where weight decay is chosen, else Adam; see the base class."""
        if regularization.kind == "weight-decay":
            decay = regularization.weight_decay
            return optim.AdamW(network.parameters(), self.learning_rate, weight_decay=decay, fused=True)
        return optim.Adam(network.parameters(), self.learning_rate, fused=True)
