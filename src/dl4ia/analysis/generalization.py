"""The gap between validation and test score, and how far few images of few patients can move it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dl4ia.analysis.intervals import Summary, summarize
from dl4ia.analysis.tables import Result

_DRAWS = 4000  # of the bootstrap: its standard error is then known to about 1 %


@dataclass(frozen=True)
class Errors:
    """Standard errors of a mean over images: of validation images, of test images, and of the difference of the two."""

    validation: float
    test: float
    gap: float


@dataclass(frozen=True)
class GeneralizationGap:
    """Validation minus test score over the runs that trained; `of_runs` summarises the gaps of single runs.

    `by_image` takes images as independent; `by_patient` takes patients so (cluster bootstrap), as images of one patient
    look alike. Each is None where the results have no such column. `reported` is the gap that the report gives.
    """

    name: str
    strategy: str
    validation: Summary
    test: Summary
    of_runs: Summary
    images: tuple[int, int]
    by_image: Errors | None
    by_patient: Errors | None
    reported: float | None


def generalization_gap(result: Result, strategy: str) -> GeneralizationGap | None:
    """Measure the gap of a variant; None if no run trained, or if it has no validation images."""
    metric, part = result.task.metric, result.task.test_sets[0]
    validation, test = (result.by_seed(f"{name}_{metric}") for name in ("validation", part))
    summaries = result.summary(f"validation_{metric}"), result.summary(f"{part}_{metric}")
    of_runs = summarize((validation - test).dropna().tolist(), "difference")
    if summaries[0] is None or summaries[1] is None or of_runs is None:
        return None
    sets = [_image_scores(result, name) for name in ("validation", part)]
    stated = [result.reported.get(name) for name in (f"validation_{metric}", f"{part}_{metric}")]
    return GeneralizationGap(
        name=result.name,
        strategy=strategy,
        validation=summaries[0],
        test=summaries[1],
        of_runs=of_runs,
        images=(len(sets[0]), len(sets[1])),
        by_image=_by_image(*sets) if all(len(each) > 1 for each in sets) else None,
        by_patient=_by_patient(*sets) if all("patient" in each and len(each) > 1 for each in sets) else None,
        reported=None if stated[0] is None or stated[1] is None else stated[0] - stated[1],
    )


def _image_scores(result: Result, part: str) -> pd.DataFrame:
    """Return the mean score of each image over the runs that trained, with its patient where that is known."""
    metric, images = result.task.metric, result.images
    if metric not in images:
        return pd.DataFrame({"score": []})
    rows = images[(images["part"] == part) & images["seed"].isin(result.trained)]
    columns = {"score": (metric, "mean")} | ({"patient": ("patient", "first")} if "patient" in rows else {})
    return rows.groupby("name", sort=False).agg(**columns)


def _by_image(validation: pd.DataFrame, test: pd.DataFrame) -> Errors:
    first, second = (float(each["score"].std() / np.sqrt(len(each))) for each in (validation, test))
    return Errors(first, second, float(np.hypot(first, second)))


def _by_patient(validation: pd.DataFrame, test: pd.DataFrame) -> Errors:
    """Draw patients with replacement; one that has images in both sets is drawn for both."""
    patients = np.union1d(validation["patient"], test["patient"])
    weights = np.random.default_rng(0).multinomial(len(patients), np.full(len(patients), 1 / len(patients)), _DRAWS)
    first, second = (_weighted_means(each, patients, weights) for each in (validation, test))
    return Errors(*(float(np.nanstd(means, ddof=1)) for means in (first, second, first - second)))


def _weighted_means(
    images: pd.DataFrame, patients: Sequence[int] | NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean score of each draw; NaN for the rare draw without an image of the set."""
    grouped = images.groupby("patient")["score"]
    sums, counts = (
        each.reindex(patients, fill_value=0).to_numpy(dtype=float) for each in (grouped.sum(), grouped.size())
    )
    drawn = weights @ counts
    return np.asarray(np.divide(weights @ sums, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0))
