"""The variant of each task that params.yaml names as the one to use, and what it was chosen by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from dl4ia.analysis.intervals import Summary
from dl4ia.analysis.tables import Result
from dl4ia.config import Params


@dataclass(frozen=True)
class Champion:
    """The champion of a task: `tests` are its scores on the test sets, by part, over the runs that trained.

    It was chosen by validation images: its settings by `study`, or itself by its mean validation score, `validation`.
    `seed` is the run with the highest validation score, or the first that trained.
    """

    name: str
    seed: int
    study: str | None
    validation: Summary | None
    tests: dict[str, Summary]


def champion_of(read: Sequence[Result], params: Params) -> Champion | None:
    """Return the champion of a task, of results of that task; None if there is none with a run that trained."""
    result = next((each for each in read if each.champion and each.trained), None)
    if result is None:
        return None
    best, metric = params.searched.get(result.name), result.task.metric
    tests = {part: result.summary(f"{part}_{metric}") for part in result.task.test_sets}
    return Champion(
        name=result.name,
        seed=result.best_seed,
        study=None if best is None else PurePath(best).parent.name,
        validation=result.summary(f"validation_{metric}"),
        tests={part: summary for part, summary in tests.items() if summary is not None},
    )
