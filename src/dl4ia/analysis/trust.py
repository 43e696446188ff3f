"""How far the confidence of predictions can be trusted: calibration, and the risk that remains among confident ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dl4ia.analysis.intervals import Summary
from dl4ia.analysis.tables import Result


@dataclass(frozen=True)
class Trust:
    """The predictions of a variant's runs that trained on one test set.

    `bins` are means over runs of confidence and accuracy in each bin of predictions, the least confident first, with
    `share`, the part of all predictions in the bin. `risk` has one row per coverage: if of all predictions (for masks:
    images) only the most confident part `coverage` is kept, the mean `risk` among these is the error rate, or 1 - Dice.
    """

    name: str
    part: str
    bins: pd.DataFrame
    error: Summary | None
    risk: pd.DataFrame


def trust(result: Result, part: str) -> Trust | None:
    """Measure how far the confidence of a variant can be trusted; None if no run trained."""
    table = result.calibration
    rows = table[(table["part"] == part) & table["seed"].isin(result.trained)]
    if rows.empty:
        return None
    rows = rows.assign(bin=rows.groupby("seed").cumcount())
    bins = rows.groupby("bin").agg(
        count=("count", "mean"), confidence=("confidence", "mean"), accuracy=("accuracy", "mean")
    )
    bins = bins.assign(share=bins["count"] / bins["count"].sum())
    images = _by_image(result, part)
    risk = _of_bins(bins) if images is None else images
    return Trust(result.name, part, bins.drop(columns="count"), result.summary(f"{part}_calibration_error"), risk)


def _of_bins(bins: pd.DataFrame) -> pd.DataFrame:
    """Return the error rate of the predictions that are left when the least confident bins are dropped one by one."""
    shares = bins["share"].to_numpy()[::-1].cumsum()[::-1]
    errors = ((1 - bins["accuracy"]) * bins["share"]).to_numpy()[::-1].cumsum()[::-1]
    return pd.DataFrame({"coverage": shares, "risk": errors / shares})


def _by_image(result: Result, part: str) -> pd.DataFrame | None:
    """Return 1 - score of the images left when the least confident are dropped; None where not all images are kept."""
    if result.task.evaluator().keeps_mistakes_alone or "confidence" not in result.images:
        return None
    images = result.images[(result.images["part"] == part) & result.images["seed"].isin(result.trained)]
    scores = images.assign(score=result.task.evaluator().scores(images))
    curves = []
    for _, run in scores.groupby("seed"):
        ordered = run.sort_values("confidence", ascending=False, kind="stable")
        curves.append((1 - ordered["score"]).expanding().mean().to_numpy())
    count = len(curves[0])
    return pd.DataFrame({"coverage": np.arange(1, count + 1) / count, "risk": np.mean(curves, axis=0)})[::-1]
