import pytest

from dl4ia.analysis.subgroups import subgroups_table


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
