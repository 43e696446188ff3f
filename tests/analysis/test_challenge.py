import pytest

from dl4ia.analysis.challenge import challenge_table
from dl4ia.config.variants import Published


@pytest.fixture
def params(copy):
    scores = {"test_a_object_f1": 0.9, "test_b_object_hausdorff": 100.0}
    published = {
        "Theirs": Published(task="warwick", source="a paper", scores=scores),
        "Digits": Published(task="mnist", source="another", scores={"test_accuracy": 0.99}),
    }
    return copy[0].model_copy(update={"published": published})


def test_published_scores_stand_before_those_of_measured_objects_on_each_test_set(read, params):
    table = challenge_table([read["digits-cnn"], read["glands-start"], read["glands-wide"]], params)
    assert table[["method", "part"]].to_numpy().tolist() == [
        ["Theirs", "test_a"], ["glands-wide", "test_a"], ["Theirs", "test_b"], ["glands-wide", "test_b"]
    ]  # fmt: skip
    first, ours = table.iloc[0], table.iloc[1]
    assert first["object_f1"] == pytest.approx(0.9)
    assert ours["object_f1"] == pytest.approx(read["glands-wide"].summary("test_a_object_f1").mean)
    assert ours["runs"] == 5


def test_without_measured_objects_there_is_nothing_to_set_them_beside(read, params):
    assert challenge_table([read["digits-cnn"], read["glands-start"]], params).empty
