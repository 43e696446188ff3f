"""The score of each image by each run that trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dl4ia.tasks.evaluator import Evaluator


@dataclass(frozen=True)
class ImageScores:
    """Scores of the images of one part, between 0 and 1.

    `listed` has one row per image and one column per seed; `patients` are those of its rows, where they are known. Of
    `unlisted` further images each run has the score 1: of digits, results/ lists the mistakes alone.
    """

    listed: pd.DataFrame
    patients: pd.Series | None
    unlisted: int

    @property
    def count(self) -> int:
        """The number of images."""
        return len(self.listed) + self.unlisted

    @property
    def means(self) -> pd.Series:
        """The mean score of each listed image over the runs."""
        return self.listed.mean(axis=1)

    def of(self, seeds: "pd.Index[int]") -> "ImageScores":
        """Return the scores by some of the runs."""
        return ImageScores(self.listed[seeds], self.patients, self.unlisted)


def image_scores(
    images: pd.DataFrame, confusion: pd.DataFrame, seeds: Sequence[int], evaluator: Evaluator, metric: str
) -> ImageScores | None:
    """Return the scores of one part by the runs `seeds`; None where there are none.

    `images` and `confusion` are the rows of that part in the tables of `results/<name>/`; `metric` is the headline
    metric, or another column of `images`.
    """
    images, confusion = (table[table["seed"].isin(seeds)] for table in (images, confusion))
    if images.empty and (confusion.empty or not evaluator.keeps_mistakes_alone):
        return None
    rows = images.assign(score=images[metric] if metric in images else evaluator.scores(images))
    listed = rows.pivot_table(index="name", columns="seed", values="score").reindex(columns=list(seeds)).fillna(1.0)
    patients = rows.groupby("name")["patient"].first().loc[listed.index] if "patient" in rows else None
    count = int(confusion["count"].sum()) // len(seeds) if evaluator.keeps_mistakes_alone else len(listed)
    return ImageScores(listed, patients, count - len(listed))


def on_the_same_images(ours: ImageScores, theirs: ImageScores) -> tuple[ImageScores, ImageScores]:
    """Return both with the same rows; an image that only one lists has the score 1 by the other."""
    names = ours.listed.index.union(theirs.listed.index)
    return _listing(ours, names), _listing(theirs, names)


def _listing(scores: ImageScores, names: pd.Index) -> ImageScores:
    listed = scores.listed.reindex(names).fillna(1.0)
    return ImageScores(listed, scores.patients, scores.count - len(listed))
