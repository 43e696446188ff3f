import pytest

from dl4ia.base.errors import RunError
from dl4ia.runs.layout import Layout
from dl4ia.runs.test_evaluations import evaluation_counts, record_evaluation, recorded_evaluations


def test_each_evaluation_is_a_line_of_its_own(tmp_path):
    layout = Layout(tmp_path)
    assert recorded_evaluations(layout).empty
    record_evaluation(layout, "first", ["a", "b"], "none")
    record_evaluation(layout, "second", ["a"], "none")
    record_evaluation(layout, "first", ["a", "b"], "none")
    record_evaluation(layout, "first", ["a", "b"], "flips")
    table = recorded_evaluations(layout)
    assert table["name"].tolist() == ["first", "second", "first", "first"]
    assert table["runs"].tolist() == ["2", "1", "2", "2"]
    assert table["key"][0] == table["key"][2] != table["key"][3]
    counts = evaluation_counts(layout).set_index("name")
    assert counts.loc["first"].tolist() == [3, 2]
    assert counts.loc["second"].tolist() == [1, 1]


@pytest.mark.parametrize("content", ["", "time,name\n1,2\n", "<<<<<<< HEAD\n"])
def test_a_damaged_record_is_named_with_how_to_restore_it(tmp_path, content):
    layout = Layout(tmp_path)
    layout.results.mkdir()
    layout.test_evaluations.write_text(content)
    with pytest.raises(RunError, match=r"test_evaluations.csv is not the record .*`git checkout -- .*`"):
        recorded_evaluations(layout)
