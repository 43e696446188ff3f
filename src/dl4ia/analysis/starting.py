"""Whether networks train at all: success rates, when they leave chance level, and dead units."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pandas as pd

from dl4ia.analysis.convergence import starts
from dl4ia.analysis.intervals import Proportion, proportion
from dl4ia.analysis.tables import Result


@dataclass(frozen=True)
class Starting:
    """How the runs of a variant started.

    `left_chance_level` are the first points of the curves (from `first_step` on) where the runs that trained had left
    chance level for good, and `left_at` is their median. `dead_units` are the shares of units that are 0 on all
    training images at the end: one row per run with seed, trained and share.
    """

    name: str
    about: str
    trained: Proportion
    left_chance_level: list[int]
    first_step: int
    last_step: int
    left_at: float | None
    dead_units: pd.DataFrame

    def share_above_chance(self, step: int) -> float:
        """Return the share of all runs that have left chance level for good after so many iterations."""
        return sum(left <= step for left in self.left_chance_level) / self.trained.of


def starting(result: Result, about: str) -> Starting:
    """Measure how the runs of a variant started."""
    of_runs = starts(result.curves, len(result.task.classes))
    steps = [each.left_at for each in of_runs if each.left_at is not None and each.seed in result.trained]
    return Starting(
        name=result.name,
        about=about,
        trained=proportion(len(result.trained), len(result.record.runs)),
        left_chance_level=sorted(steps),
        first_step=min((each.first_step for each in of_runs), default=0),
        last_step=max((each.last_step for each in of_runs), default=0),
        left_at=float(median(steps)) if steps else None,
        dead_units=_dead_units(result),
    )


def _dead_units(result: Result) -> pd.DataFrame:
    rows = result.metrics[(result.metrics["part"] == "train") & (result.metrics["metric"] == "dead_units")]
    shares = rows.rename(columns={"value": "share"})[["seed", "share"]]
    return shares.assign(trained=shares["seed"].isin(result.trained))


def starting_table(variants: Sequence[Starting]) -> pd.DataFrame:
    """Return one row per variant, the content of `results/starting.csv`."""
    return pd.DataFrame(
        [
            {
                "variant": each.name,
                "trained": each.trained.count,
                "runs": each.trained.of,
                "low": each.trained.low,
                "high": each.trained.high,
                "left_chance_level_after": each.left_at,
                "dead_units_trained": each.dead_units.loc[each.dead_units["trained"], "share"].mean(),
                "dead_units_not_trained": each.dead_units.loc[~each.dead_units["trained"], "share"].mean(),
            }
            for each in variants
        ]
    )
