import pytest

from dl4ia.analysis.questions import questions


def test_each_group_of_experiments_answers_its_question(every, copy):
    answers = questions([every[name] for name in every if name.startswith("glands")], copy[0], [], {})
    assert {(each.name, each.rival) for each in answers.ablation} == {("glands-less", "glands-wide")}
    assert [each.difference for each in answers.ablation] == pytest.approx([-0.04, -0.04], abs=1e-4)
    (splits,) = answers.splits
    assert (splits.name, splits.trained.count, splits.trained.of) == ("glands-splits", 5, 6)
    assert splits.reported == pytest.approx(0.1)
    assert [each.name for each in answers.starts] == ["glands-starts"]


def test_without_such_experiments_there_are_no_answers(every, copy):
    answers = questions([every["digits-cnn"]], copy[0], [], {})
    assert (answers.ablation, answers.splits, answers.starts, answers.optimism) == ([], [], [], {})
