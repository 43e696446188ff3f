"""No schedule, as in the report."""

from typing import Literal

from dl4ia.training.schedules.base import SCHEDULES, ScheduleConfig


@SCHEDULES.register
class Constant(ScheduleConfig):
    """The same learning rate throughout."""

    kind: Literal["constant"]

    def factor(self, step: int, steps: int) -> float:  # noqa: ARG002 (the base class's)
        """Return 1."""
        return 1.0
