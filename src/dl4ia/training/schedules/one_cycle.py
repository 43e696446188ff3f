"""The one-cycle policy."""

from typing import Annotated, Literal

from pydantic import Field

from dl4ia.training.schedules.base import SCHEDULES, ScheduleConfig, annealed


@SCHEDULES.register
class OneCycle(ScheduleConfig):
    """A rise from 1 / `start_divisor` to 1 over `rise`, a fraction of the steps, then a fall to 1 / `final_divisor`.

    Smith and Topin (2018), both ways along half a cosine as in PyTorch's OneCycleLR, whose `final_div_factor` counts
    from the first rate, however. The last iteration has the final rate.
    """

    kind: Literal["one-cycle"]
    rise: Annotated[float, Field(ge=0, lt=1)] = 0.3
    start_divisor: Annotated[float, Field(ge=1, le=1e9)] = 25.0
    final_divisor: Annotated[float, Field(ge=1, le=1e9)] = 1e4

    def factor(self, step: int, steps: int) -> float:
        """Return the factor of iteration `step` of `steps`."""
        peak = max(self.rise * steps - 1, 0.0)
        if step < peak:
            return annealed(1 / self.start_divisor, 1.0, step / peak)
        fallen = (step - peak) / (steps - 1 - peak) if step > peak else 0.0
        return annealed(1.0, 1 / self.final_divisor, fallen)
