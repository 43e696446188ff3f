"""What params.yaml may say, and reading it."""

from dl4ia.config.params import Data, Params, Source, SplitSizes, load
from dl4ia.config.sections import flat
from dl4ia.config.settings import (
    MNIST_SIDE,
    WARWICK_SIDE,
    Adam,
    Cnn,
    ConvDeconv,
    Mlp,
    MnistSettings,
    MnistVariant,
    Regularization,
    Sgd,
    Task,
    Variant,
    WarwickSettings,
    WarwickVariant,
)
from dl4ia.config.studies import Choices, Grid, OnFolds, OnSplit, Point, Range, Study

__all__ = [
    "MNIST_SIDE", "WARWICK_SIDE", "Adam", "Choices", "Cnn", "ConvDeconv", "Data", "Grid", "Mlp", "MnistSettings",
    "MnistVariant", "OnFolds", "OnSplit", "Params", "Point", "Range", "Regularization", "Sgd", "Source", "SplitSizes",
    "Study", "Task", "Variant", "WarwickSettings", "WarwickVariant", "flat", "load",
]  # fmt: skip
