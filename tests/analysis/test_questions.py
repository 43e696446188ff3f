import pytest

from dl4ia.analysis.questions import questions
from dl4ia.models.network import NETWORKS


def test_each_group_of_experiments_answers_its_question(every, copy):
    answers = questions([every[name] for name in every if name.startswith("glands")], copy[0], [])
    assert {(each.name, each.rival) for each in answers.ablation} == {("glands-less", "glands-wide")}
    assert [each.difference for each in answers.ablation] == pytest.approx([-0.04, -0.04], abs=1e-4)
    (splits,) = answers.splits
    assert (splits.name, splits.trained.count, splits.trained.of) == ("glands-splits", 5, 6)
    assert splits.reported == pytest.approx(0.1)
    assert [each.name for each in answers.starts] == ["glands-starts"]


def test_variants_without_skip_connections_stand_after_those_with_them(every, copy):
    params, unet = copy[0], NETWORKS["unet"]
    network = {
        name: unet.model_validate({"kind": "unet", "width": 4, "levels": 2, "skip_connections": skips})
        for name, skips in (("glands-start", False), ("glands-wide", True))
    }
    variants = {
        name: params.variants["glands-start"].model_copy(
            update={"settings": params.variants["glands-start"].settings.model_copy(update={"network": each})}
        )
        for name, each in network.items()
    }
    params = params.model_copy(update={"variants": params.variants | variants})
    answers = questions([every["glands-start"], every["glands-wide"]], params, [])
    assert [(one.name, other.name) for one, other in answers.skips] == [("glands-wide", "glands-start")]
    assert questions([every["glands-start"]], params, []).skips == []


def test_without_such_experiments_there_are_no_answers(every, copy):
    answers = questions([every["digits-cnn"]], copy[0], [])
    assert (answers.ablation, answers.splits, answers.starts, answers.optimism) == ([], [], [], {})
