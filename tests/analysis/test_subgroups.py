from dataclasses import replace

import pytest

from dl4ia.analysis.subgroups import KnownPatients, known_patients, subgroups_table


def test_scores_of_a_group_are_means_over_its_images_and_the_runs_that_trained(read):
    table = subgroups_table([read["digits-cnn"], read["glands-listed"]])
    assert set(table["variant"]) == {"glands-listed"}
    images = read["glands-listed"].images
    chosen = images[(images["part"] == "test_b") & (images["patient"] == 3) & images["seed"].isin([0, 1])]
    (row,) = table[(table["part"] == "test_b") & (table["group"] == "3")].to_dict("records")
    assert row["images"] == len(chosen) // 2
    assert row["score"] == pytest.approx(chosen["dice"].mean())
    assert table.loc[table["part"] == "test_a", "images"].sum() == 60


def test_variants_without_runs_or_groups_have_no_rows(read):
    assert subgroups_table([read["digits-cnn"], read["glands-l2"]]).empty


def test_patients_of_a_test_set_are_known_if_there_are_training_images_of_them(read):
    """Patients have the numbers 1 to 8 in every part: now patient 3 has test images alone, and test B others."""
    result = read["glands-listed"]
    images = result.images
    images = images[(images["patient"] != 3) | (images["part"] == "test_a")]
    images = images.assign(patient=images["patient"].where(images["part"] != "test_b", images["patient"] + 100))
    test_a = images[(images["part"] == "test_a") & (images["seed"] == 0)]
    unknown = int((test_a["patient"] == 3).sum())
    test_b = images[(images["part"] == "test_b") & (images["seed"] == 0)]
    assert 0 < unknown < 60
    assert known_patients([replace(result, images=images)]) == [
        KnownPatients("test_a", 8, 7, 60, 60 - unknown),
        KnownPatients("test_b", test_b["patient"].nunique(), 0, len(test_b), 0),
    ]
    assert known_patients([read["digits-cnn"]]) == []
