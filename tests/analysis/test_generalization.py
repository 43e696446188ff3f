from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.generalization import generalization_gap
from dl4ia.analysis.tables import Result

Read = dict[str, Result]


def images(scores: dict[str, np.ndarray], patients: dict[str, np.ndarray] | None) -> pd.DataFrame:
    tables = []
    for part, values in scores.items():
        names = [f"{part}_{index}" for index in range(len(values))]
        table = pd.DataFrame({"seed": 0, "part": part, "name": names, "dice": values})
        tables.append(table if patients is None else table.assign(patient=patients[part]))
    return pd.concat(tables)


def one_run(result: Result, table: pd.DataFrame) -> Result:
    record = result.record.model_copy(update={"runs": result.record.runs[:1]})
    return replace(result, record=record, images=table)


def test_the_gap_is_validation_minus_test_over_the_runs_that_trained(read: Read) -> None:
    gap = generalization_gap(read["glands-combined"], "random")
    assert gap is not None
    assert gap.validation.count == 3
    assert gap.of_runs.mean == pytest.approx(0.835 - 0.81)
    assert gap.reported == pytest.approx(0.851 - 0.751)
    assert gap.images == (17, 60)


def test_there_is_no_gap_without_validation_images_or_without_a_run_that_trained(read: Read) -> None:
    assert generalization_gap(read["glands-listed"], "none") is None
    assert generalization_gap(read["glands-l2"], "random") is None


def test_images_taken_as_independent_have_the_textbook_standard_error(read: Read) -> None:
    rng = np.random.default_rng(0)
    scores = {"validation": rng.normal(0.8, 0.1, 17), "test_a": rng.normal(0.8, 0.05, 60)}
    gap = generalization_gap(one_run(read["glands-start"], images(scores, None)), "random")
    assert gap is not None
    assert gap.by_image is not None
    first, second = scores["validation"].std(ddof=1) / np.sqrt(17), scores["test_a"].std(ddof=1) / np.sqrt(60)
    assert gap.by_image.validation == pytest.approx(first)
    assert gap.by_image.gap == pytest.approx(np.hypot(first, second))
    assert gap.by_patient is None  # who is whose is not known


def test_where_each_image_is_of_another_patient_both_errors_agree(read: Read) -> None:
    rng = np.random.default_rng(1)
    scores = {"validation": rng.normal(0.8, 0.1, 40), "test_a": rng.normal(0.8, 0.1, 60)}
    patients = {"validation": np.arange(40), "test_a": np.arange(40, 100)}
    gap = generalization_gap(one_run(read["glands-start"], images(scores, patients)), "random")
    assert gap is not None
    assert gap.by_image is not None
    assert gap.by_patient is not None
    assert gap.by_patient.gap == pytest.approx(gap.by_image.gap, rel=0.1)


def test_images_that_are_alike_within_a_patient_have_a_larger_error_by_patient(read: Read) -> None:
    rng = np.random.default_rng(2)
    patients = {"validation": np.repeat(np.arange(4), 5), "test_a": np.repeat(np.arange(4, 12), 8)}
    level = rng.normal(0.8, 0.1, 12)
    scores = {part: level[who] + rng.normal(0, 0.01, len(who)) for part, who in patients.items()}
    gap = generalization_gap(one_run(read["glands-start"], images(scores, patients)), "patient")
    assert gap is not None
    assert gap.by_image is not None
    assert gap.by_patient is not None
    assert gap.by_patient.test > 2 * gap.by_image.test
    assert gap.by_patient.gap > 1.7 * gap.by_image.gap


def test_patients_in_both_sets_cancel_in_the_gap(read: Read) -> None:
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(8), 6)
    level = rng.normal(0.8, 0.1, 8)[who]
    patients = {"validation": who, "test_a": who}
    gap = generalization_gap(
        one_run(read["glands-start"], images({"validation": level, "test_a": level}, patients)), "x"
    )
    assert gap is not None
    assert gap.by_patient is not None
    assert gap.by_patient.test > 0.02
    assert gap.by_patient.gap == pytest.approx(0, abs=1e-12)


def test_a_task_that_keeps_no_scores_of_images_has_a_gap_without_errors(read: Read) -> None:
    gap = generalization_gap(read["digits-cnn"], "random")
    assert gap is not None
    assert gap.of_runs.mean == pytest.approx(-0.001)
    assert (gap.by_image, gap.by_patient) == (None, None)
