"""Warm-up and cosine annealing."""

from typing import Annotated, Literal

from pydantic import Field

from dl4ia.training.schedules.base import SCHEDULES, ScheduleConfig, annealed


@SCHEDULES.register
class Cosine(ScheduleConfig):
    """A linear rise over `warmup`, a fraction of the steps, then half a cosine from 1 down to `floor`.

    Loshchilov and Hutter (SGDR, 2017) without restarts. `floor` would be reached in iteration `steps`, so that the
    last iteration still trains where it is 0; the first one has a rate above 0 for the same reason.
    """

    kind: Literal["cosine"]
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Return the factor of iteration `step` of `steps`."""
        rising = int(self.warmup * steps)
        if step < rising:
            return (step + 1) / (rising + 1)
        return annealed(1.0, self.floor, (step - rising) / (steps - rising))
