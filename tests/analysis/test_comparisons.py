from dataclasses import replace

import pytest

from dl4ia.analysis.comparisons import ablations, best_variants
from dl4ia.analysis.settings import FlatSettings, common_settings, differences
from dl4ia.analysis.tables import Result
from dl4ia.config import Params
from dl4ia.data.augmentation.geometry import Affine
from dl4ia.runs.layout import Layout

Copy = tuple[Params, Layout]
Read = dict[str, Result]


@pytest.fixture
def glands(read: Read) -> list[Result]:
    return [result for result in read.values() if result.task.name == "warwick"]


def test_a_variant_is_only_ranked_among_those_validated_on_the_same_images(glands: list[Result], copy: Copy) -> None:
    best = {each.strategy: each for each in best_variants(glands, copy[0])}
    assert set(best) == {"random", "patient"}
    assert (best["random"].name, best["random"].candidates, best["random"].second) == ("glands-wide", 3, "glands-start")
    assert (best["patient"].name, best["patient"].candidates, best["patient"].second) == ("glands-patient", 1, None)


def test_the_strategy_of_most_variants_comes_first(glands: list[Result], copy: Copy) -> None:
    assert [each.strategy for each in best_variants(glands, copy[0])] == ["random", "patient"]


def test_the_best_run_is_that_of_the_highest_validation_score(glands: list[Result], copy: Copy) -> None:
    first = best_variants(glands, copy[0])[0]
    assert first.seed == 4
    assert first.validation.mean == pytest.approx(0.857)
    assert first.lead is not None
    assert first.lead.mean == pytest.approx(0.017)


def test_a_variant_of_which_most_runs_did_not_train_is_not_best(read: Read, copy: Copy) -> None:
    lucky = _with_trained(read["glands-wide"], {4})
    best = best_variants([read["glands-start"], lucky], copy[0])
    assert [(each.name, each.candidates) for each in best] == [("glands-start", 1)]


def test_without_any_validation_nothing_is_best(read: Read, copy: Copy) -> None:
    assert best_variants([read["glands-listed"], read["glands-searched"]], copy[0]) == []


def test_ablations_say_how_many_runs_trained(read: Read, copy: Copy) -> None:
    (each,) = ablations([read["glands-start"], read["glands-l2"]], copy[0])
    assert (each.name, each.rival) == ("glands-l2", "glands-start")
    assert (each.trained.count, each.trained.of, each.rival_trained.count) == (0, 3, 5)
    assert each.trained.high == pytest.approx(0.562, abs=0.001)


def test_ablations_differ_in_one_setting_alone(glands: list[Result], copy: Copy) -> None:
    settings = {(each.rival, each.name): each for each in ablations(glands, copy[0])}
    assert {pair: (each.setting, each.values) for pair, each in settings.items()} == {
        ("glands-start", "glands-wide"): ("network.width", (8, 16)),
        ("glands-start", "glands-l2"): ("regularization.strength", (0.0, 0.01)),
        ("glands-wide", "glands-combined"): ("added_copies.rotations", (False, True)),
        ("glands-combined", "glands-patient"): ("split.strategy", ("random", "patient")),
    }


def test_variants_that_compute_the_same_are_identical(read: Read, copy: Copy) -> None:
    digits = [read[name] for name in ("digits-cnn", "digits-pool-first", "digits-adam")]
    settings = {(each.rival, each.name): each.identical for each in ablations(digits, copy[0])}
    assert settings == {("digits-cnn", "digits-pool-first"): True, ("digits-cnn", "digits-adam"): False}


def test_a_variant_with_the_same_runs_is_not_the_next(read: Read, copy: Copy) -> None:
    digits = [read[name] for name in ("digits-cnn", "digits-pool-first", "digits-adam")]
    (best,) = best_variants(digits, copy[0])
    assert (best.name, best.twins, best.second) == ("digits-cnn", ("digits-pool-first",), "digits-adam")
    assert best.candidates == 3


def test_runs_that_did_not_train_are_not_called_identical(read: Read, copy: Copy) -> None:
    dead = _with_trained(read["digits-cnn"], set()), _with_trained(read["digits-pool-first"], set())
    assert [each.identical for each in ablations(dead, copy[0])] == [False]


def _with_trained(result: Result, seeds: set[int]) -> Result:
    runs = [run.model_copy(update={"trained": run.seed in seeds}) for run in result.record.runs]
    record = result.record.model_copy(update={"runs": runs})
    return replace(result, record=record)


def test_augmentations_are_named_with_what_they_state(params):
    plain, flipped = (FlatSettings.of(params.variants[name]) for name in ("warwick-start", "warwick-unet"))
    assert differences(plain, flipped)["augmentation"] == ([], ["flips", "quarter-turns"])
    turned = params.variants["warwick-unet"]
    settings = turned.settings.model_copy(update={"augmentation": (Affine(kind="affine", degrees=180.0),)})
    rotated = FlatSettings.of(turned.model_copy(update={"settings": settings}))
    changed = {key: value for key, value in differences(flipped, rotated).items() if key.startswith("augmentation")}
    assert changed == {
        "augmentation": (["flips", "quarter-turns"], ["affine"]),
        "augmentation.affine.degrees": (None, 180.0),
    }
    assert differences(rotated, flipped) == {"augmentation": (["affine"], ["flips", "quarter-turns"])}


def flat(**stated: object) -> FlatSettings:
    return FlatSettings(complete={"depth": 1, **stated}, stated=stated)


def test_a_section_of_another_kind_differs_in_one_setting() -> None:
    sgd = flat(**{"optimizer.kind": "sgd", "optimizer.learning_rate": 0.01, "optimizer.momentum": 0.9})
    adam = flat(**{"optimizer.kind": "adam", "optimizer.learning_rate": 0.01})
    assert differences(sgd, adam) == {"optimizer": ({"kind": "sgd", "momentum": 0.9}, {"kind": "adam"})}


def test_what_both_kinds_of_a_section_have_differs_by_itself() -> None:
    decay = flat(**{"regularization.kind": "weight-decay", "regularization.strength": 0.01})
    penalty = flat(**{"regularization.kind": "l2", "regularization.strength": 0.001})
    assert set(differences(decay, penalty)) == {"regularization", "regularization.strength"}


def test_a_setting_at_its_neutral_default_is_shown_with_its_value(copy: Copy) -> None:
    plain, rotated = (FlatSettings.of(copy[0].variants[name]) for name in ("glands-wide", "glands-combined"))
    assert differences(plain, rotated) == {"added_copies.rotations": (False, True)}


def test_seeds_are_no_difference(copy: Copy) -> None:
    variant = copy[0].variants["glands-start"]
    fewer = variant.model_copy(update={"settings": variant.settings.model_copy(update={"seeds": (7,)})})
    assert differences(FlatSettings.of(variant), FlatSettings.of(fewer)) == {}


def test_settings_are_common_if_more_than_half_of_the_variants_have_them() -> None:
    common = common_settings([flat(width=8), flat(width=8, rotations=True), flat(width=16)])
    assert common.stated == {"width": 8}
    assert common.complete == {"depth": 1, "width": 8}


def test_half_of_the_variants_are_no_majority() -> None:
    assert common_settings([flat(width=8), flat(width=16)]).stated == {}
