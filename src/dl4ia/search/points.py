"""Which points of a study are known before it begins."""

from dl4ia.analysis.searches import search_result
from dl4ia.base.errors import RunError
from dl4ia.config import Point, Study
from dl4ia.config.studies import BestOf
from dl4ia.runs.layout import Layout


def known_points(study: Study, layout: Layout) -> list[Point]:
    """Return all points of a grid, or those of another study, the best first; none where the sampler chooses.

    Raises RunError if the other study has not as many complete trials as points are wanted.
    """
    if study.sampler.kind == "grid":
        return list(study.grid())
    return _ranked_points(study, study.sampler, layout) if isinstance(study.sampler, BestOf) else []


def _ranked_points(study: Study, sampler: BestOf, layout: Layout) -> list[Point]:
    other = search_result(sampler.study, study, layout.study(sampler.study))
    count = 0 if other is None else len(other.complete)
    if other is None or count < study.trials:
        wanted = f"the {study.trials} best points of study {sampler.study!r} are wanted"
        command = f"dvc repro search@{sampler.study}"
        raise RunError(f"{wanted}, and {count} of its trials are complete: run `{command}`, or set fewer trials")
    return other.complete[list(study.space)].to_dict("records")  # type: ignore[no-any-return]
