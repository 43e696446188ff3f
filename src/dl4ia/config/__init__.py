"""What params.yaml may hold, and reading it."""

from dl4ia.config.loading import load
from dl4ia.config.params import Params
from dl4ia.config.sections import flat
from dl4ia.config.settings import Device, Settings
from dl4ia.config.studies import Choices, OnFolds, OnSplit, Point, Range, Study
from dl4ia.config.variants import Ensemble, Variant

__all__ = [
    "Choices", "Device", "Ensemble", "OnFolds", "OnSplit", "Params", "Point", "Range", "Settings", "Study", "Variant",
    "flat", "load",
]  # fmt: skip
