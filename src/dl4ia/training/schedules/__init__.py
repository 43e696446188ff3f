"""The learning rate over a training, as a pure function of the step: a resumed training needs no state of it.

Each schedule is a schema in one file, registered in SCHEDULES.
"""

from dl4ia.training.schedules.base import SCHEDULES, ScheduleConfig
from dl4ia.training.schedules.constant import Constant
from dl4ia.training.schedules.cosine import Cosine
from dl4ia.training.schedules.one_cycle import OneCycle

__all__ = ["SCHEDULES", "Constant", "Cosine", "OneCycle", "ScheduleConfig"]
