"""Random changes of a training batch: each kind is a schema in one file, registered in AUGMENTATIONS."""

from dl4ia.data.augmentation.base import AUGMENTATIONS, AugmentationConfig
from dl4ia.data.augmentation.geometry import Affine, Elastic
from dl4ia.data.augmentation.stains import StainJitter
from dl4ia.data.augmentation.symmetries import Flips, QuarterTurns

__all__ = ["AUGMENTATIONS", "Affine", "AugmentationConfig", "Elastic", "Flips", "QuarterTurns", "StainJitter"]
