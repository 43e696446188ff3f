"""What training minimises: each loss is a schema in one file, registered in LOSSES."""

from dl4ia.training.losses.base import LOSSES, LossConfig
from dl4ia.training.losses.cross_entropy import CrossEntropy, cross_entropy
from dl4ia.training.losses.dice import CrossEntropyDice, soft_dice_loss

__all__ = ["LOSSES", "CrossEntropy", "CrossEntropyDice", "LossConfig", "cross_entropy", "soft_dice_loss"]
