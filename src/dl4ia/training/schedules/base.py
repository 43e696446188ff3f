"""What a schedule is."""

import math
from abc import abstractmethod

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


class ScheduleConfig(Strict):
    """The settings of a schedule, which is also the schedule. Subclasses are registered."""

    kind: str

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """Return what the learning rate is multiplied by in iteration `step` (0 to `steps` - 1)."""


SCHEDULES: Registry[ScheduleConfig] = Registry("schedule")


def annealed(start: float, end: float, progress: float) -> float:
    """Return the value after `progress` (0 to 1) of half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
