"""Scores by what is known of the test images: the patient they come from, and the grade of the tissue."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dl4ia.analysis.tables import Result

KINDS = ("patient", "grade")
_COLUMNS = ["variant", "part", "by", "group", "images", "score"]


@dataclass(frozen=True)
class KnownPatients:
    """How many of the `patients` and `images` of a test set are of patients of whom there are training images, too."""

    part: str
    patients: int
    known_patients: int
    images: int
    known_images: int


def known_patients(read: Sequence[Result]) -> list[KnownPatients]:
    """Return this for each test set, of results of one task; nothing where patients are not known."""
    tables = [result.images[["part", "name", "patient"]] for result in read if "patient" in result.images]
    if not tables:
        return []
    images = pd.concat(tables).drop_duplicates(["part", "name"])
    trained = set(images.loc[images["part"].isin(["train", "validation"]), "patient"])
    counts = []
    for part in read[0].task.test_sets:
        patients = images.loc[images["part"] == part, "patient"]
        known = patients[patients.isin(trained)]
        counts.append(KnownPatients(part, patients.nunique(), known.nunique(), len(patients), len(known)))
    return counts


def subgroups_table(read: Sequence[Result]) -> pd.DataFrame:
    """Return one row per variant, test set and group of images: the mean score over images and the runs that trained.

    It is the content of `results/subgroups.csv`; tasks of which neither patients nor grades are known have no rows.
    """
    tables = [_of(result, kind) for result in read for kind in KINDS if kind in result.images and result.trained]
    return pd.concat(tables, ignore_index=True)[_COLUMNS] if tables else pd.DataFrame(columns=_COLUMNS)


def _of(result: Result, kind: str) -> pd.DataFrame:
    images, tested = result.images, result.images["part"].isin(result.task.test_sets)
    images = images[tested & images["seed"].isin(result.trained)]
    scores = images.assign(score=result.task.evaluator().scores(images), group=images[kind].astype(str))
    grouped = scores.groupby(["part", "group"], sort=False)
    table = grouped.agg(images=("name", "nunique"), score=("score", "mean")).reset_index()
    return table.assign(variant=result.name, by=kind)
