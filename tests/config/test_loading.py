import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dl4ia import config
from dl4ia.base.errors import ConfigError
from dl4ia.base.schema import Strict
from dl4ia.config.groups import stages_of
from dl4ia.config.sections import flat, merged, nested
from dl4ia.config.settings import Settings
from dl4ia.config.studies import BestOf

SMALL = """
data: {source: auto}
seeds: {mnist: [0, 1, 2], warwick: [0]}
split:
  mnist: {seed: 0, validation: 5000}
  warwick: {seed: 0, validation: 0.2}
defaults:
  mnist:
    iterations: 2000
    batch_size: 80
    evaluate_every: 100
    channels_last: false
    split: {strategy: random}
    regularization: {kind: l2, strength: 0.0}
    optimizer: {kind: sgd, learning_rate: 0.01, momentum: 0.9}
    network: {kind: cnn, feature_maps: [8, 16, 32], pools: 2}
  warwick:
    iterations: 5000
    batch_size: 5
    evaluate_every: 100
    channels_last: true
    split: {strategy: random}
    regularization: {kind: l2, strength: 0.0}
    optimizer: {kind: sgd, learning_rate: 0.01, momentum: 0.9}
    network: {kind: conv-deconv, width: 8, levels: 2}
variants:
  digits: {task: mnist, exercise: "1.2", about: digits, reported: {test_accuracy: 0.98}, settings: {}}
  glands: {task: warwick, exercise: "2.1", about: glands, reported: {}, settings: {seeds: [3, 4]}}
searched:
  best: {best: results/search/joint/best.yaml, task: warwick, exercise: "2.4", about: best, reported: {}, settings: {}}
ensembles:
  mean: {task: warwick, exercise: "2.4", about: mean, reported: {}, members: [glands]}
studies:
  joint:
    task: warwick
    about: joint
    space: {network: {width: [4, 8], levels: [1, 2]}}
    settings: {}
    sampler: {kind: grid}
    pruner: {kind: none}
    objective: {kind: folds, strategy: patient, folds: 3}
    trials: 4
    iterations: 600
    evaluate_every: 100
    seed: 0
    hours: 4
"""


def changed(**changes):
    """Return the small file with other values at dotted keys; DROP removes one."""
    content = YAML(typ="safe").load(SMALL)
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = content
        for section in sections:
            place = place[section]
        if value is DROP:
            del place[last]
        else:
            place[last] = value
    return content


DROP = object()


def load(folder: Path, content: dict) -> config.Params:
    path = folder / "params.yaml"
    path.write_text(json.dumps(content))
    return config.load(path, folder)


@pytest.fixture
def small(tmp_path) -> config.Params:
    return load(tmp_path, changed())


def test_a_variant_overrides_the_defaults_of_its_task_key_by_key(tmp_path):
    settings = load(tmp_path, changed(variants__digits__settings={"network": {"pools": 1}})).variants["digits"].settings
    assert (settings.network.pools, settings.network.feature_maps) == (1, (8, 16, 32))


def test_a_section_of_another_kind_replaces_the_default_one(tmp_path):
    adam = {"kind": "adam", "learning_rate": 0.002}
    settings = load(tmp_path, changed(variants__digits__settings={"optimizer": adam})).variants["digits"].settings
    assert settings.optimizer.model_dump() == adam


def test_seeds_are_those_of_the_task_or_the_variants_own(small):
    assert small.variants["digits"].settings.seeds == (0, 1, 2)
    assert small.variants["glands"].settings.seeds == (3, 4)


def test_what_the_report_has_not_is_off_by_default(params):
    plain = params.variants["warwick-logits"].settings
    assert plain.deciding.keys() == {
        "iterations", "batch_size", "evaluate_every", "channels_last", "split", "regularization", "optimizer", "network"
    }  # fmt: skip


def test_a_neutral_default_that_is_written_changes_nothing(tmp_path, small):
    written = {"schedule": {"kind": "constant"}, "ema_decay": 0.0, "augmentation": [], "max_gradient_norm": None}
    again = load(tmp_path, changed(variants__digits__settings=written))
    assert again.variants["digits"].settings.deciding == small.variants["digits"].settings.deciding


def test_seeds_and_device_decide_no_result(tmp_path, small):
    again = load(tmp_path, changed(seeds__mnist=[7], device="cpu"))
    assert again.variants["digits"].settings.deciding == small.variants["digits"].settings.deciding


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"defaults__mnist__batchsize": 3}, r"batchsize: unknown key; did you mean 'batch_size'\?"),
        ({"defaults__mnist__iterations": "many"}, r"iterations: got 'many': .*integer"),
        ({"defaults__mnist__iterations": 2000.5}, r"iterations: got 2000.5"),
        ({"defaults__mnist__iterations": True}, r"iterations: got True"),
        ({"defaults__mnist__optimizer__learning_rate": -1}, r"optimizer.learning_rate: got -1"),
        ({"defaults__mnist__optimizer": {"kind": "sdg"}}, r"optimizer: unknown optimizer 'sdg'; did you mean 'sgd'\?"),
        ({"defaults__mnist__optimizer__kind": ["sgd"]}, r"optimizer: unknown optimizer"),
        ({"defaults__mnist__network": {"kind": "cnm"}}, r"network: unknown network 'cnm'; did you mean 'cnn'\?"),
        ({"defaults__mnist__schedule": {"kind": "step"}}, r"schedule: unknown schedule 'step'; expected one of const"),
        ({"defaults__mnist__loss": {"kind": "hinge"}}, r"loss: unknown loss 'hinge'; expected one of cross-entropy"),
        ({"defaults__warwick__augmentation": [{"kind": "flip"}]}, r"augmentation.0: unknown augmentation 'flip'"),
        ({"defaults__mnist__augmentation": [{"kind": "flips"}]}, r"augmentation: got 'flips', and task mnist allows"),
        ({"defaults__mnist__ema_decay": 1.0}, r"ema_decay: got 1.0"),
        ({"defaults__mnist__max_gradient_norm": 0}, r"max_gradient_norm: got 0"),
        ({"defaults__mnist__added_copies": {"flips": True}}, r"settings.added_copies: flipped and rotated copies"),
        ({"defaults__mnist__standardization": "batch"}, r"standardization: got 'batch'"),
        ({"seeds__mnist": DROP}, r"variants.digits.task: got 'mnist', expected one of warwick \(seeds\)"),
        ({"variants__glands__settings": {"seeds": [0, 0]}}, r"glands.settings: .*seeds \[0, 0\] names one twice"),
        ({"variants__glands__settings": {"seeds": [-1]}}, r"variants.glands.settings.seeds.0: got -1"),
        ({"defaults__warwick__network__levels": 8}, r"settings.network: 8 poolings of a 128x128 image leave less"),
        ({"variants__digits__task": "mnits"}, r"variants.digits.task: got 'mnits', expected one of mnist, warwick"),
        ({"data__source": "internet"}, r"data.source: got 'internet'"),
        ({"device": "gpu"}, r"device: got 'gpu'"),
        ({"defaults__mnist__split__strategy": "patient"}, r"split.strategy: got 'patient', and task mnist allows rand"),
        ({"defaults__mnist__split__strategy": "even"}, r"split: .*strategy 'even' is unknown; expected one of none, "),
        ({"variants__digits__test_time": "flips"}, r"variants.digits.test_time: got 'flips', and task mnist allows no"),
        ({"split__warwick__validation": 2.5}, r"split.warwick.validation"),
        ({"split__warwick__folds": 1}, r"split.warwick.folds: got 1"),
        ({"ensembles__mean__members": ["gland"]}, r"ensembles.mean.members: 'gland' is not a variant; did you mean"),
        ({"ensembles__mean__members": ["digits"]}, r"members: 'digits' is of task mnist, and the ensemble of task wa"),
        ({"ensembles__mean__members": []}, r"ensembles.mean.members: got \[\]"),
        ({"ensembles__mean__settings": {}}, r"ensembles.mean.settings: unknown key"),
        ({"studies__joint__sampler": {"kind": "gird"}}, r"studies.joint.sampler: got .*'gird'"),
        ({"studies__joint__sampler": {"kind": "tpe"}}, r"studies.joint.sampler.startup: missing, and it has no defa"),
        ({"studies__joint__objective__folds": 1}, r"studies.joint.objective.folds: got 1"),
        ({"studies__joint__objective__strategy": "patients"}, r"studies.joint.objective.strategy: got 'patients'"),
        ({"studies__joint__trials": 9}, r"studies.joint: .*the grid has 4 points, and trials is 9"),
        ({"studies__joint__hours": 0}, r"studies.joint.hours: got 0"),
        ({"studies__joint__space": {}}, r"studies.joint.space: got \{\}"),
        ({"studies__joint__space": 10**30}, r"studies.joint.space: expected a list of choices"),
        ({"studies__joint__settings": {"augmentation": [{"kind": []}]}}, r"studies.joint.*augmentation.0: unknown aug"),
        ({"ensembles__mean__task": ""}, r"params.yaml: ensembles.mean.task: got '', expected one of mnist, warwick"),
        (
            {"published": {"A": {"task": [], "source": "b", "scores": {"c": 1}}}},
            r"published.A.task: got \[\], expected",
        ),
        (
            {"studies__joint__space__network": {"wdth": [4, 8], "levels": [1, 2]}},
            r"space: network.wdth: unknown key; .*'width'",
        ),
        ({"studies__joint__space__network__width": []}, r"joint.space.network.width.choices: got \[\]"),
        ({"studies__joint__space__network__width": [4, 4]}, r"\[4, 4\] names a choice twice"),
        ({"studies__joint__space__network__width": 4}, r"space.network.width: expected a list of choices, or low"),
        (
            {"studies__joint__space__network__width": {"low": 4, "high": 24, "log": False}},
            r"grid needs choices, .*width is a range",
        ),
        (
            {"studies__joint__space__network__levels": [1, 7]},
            r"joint.space: .*7 poolings of a 128x128 image leave less",
        ),
        (
            {"studies__joint__space__seeds": [0, 1]},
            r"joint.space.seeds: .* from its own `seed`: set that",
        ),
        (
            {"studies__joint__space": {"split.strategy": ["random"]}},
            r"space.split.strategy: .* its own `objective`",
        ),
        ({"studies__joint__settings__iterations": 9}, r"joint.settings.iterations: .* from its own `iterations`"),
        ({"studies__joint__space__network__levels": [1, True]}, r"joint.space: network.levels: got True"),
        ({"studies__joint__task": "cells"}, r"studies.joint.task: got 'cells', expected one of mnist, warwick"),
        ({"searched__best__best": 3}, r"searched.best.best: got 3, expected the file that a study writes"),
        ({"searched__glands": {}}, r"searched.glands: there is a variant of that name"),
        ({"modells": {}}, r"modells: unknown section"),
        ({"variants": []}, r"variants: expected keys with values, got"),
        ({"variants__digits": 3}, r"variants.digits: expected keys with values, got 3"),
        ({"defaults": DROP}, r"defaults: expected a value for each task, got None"),
        ({"split": DROP}, r"split: missing, and it has no default"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message) as raised:
        load(tmp_path, changed(**change))
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "params.yaml"))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"low": 0.5, "high": 0.05, "log": True}, "low 0.5 is not below high 0.05"),
        ({"low": 0, "high": 0.05, "log": True}, "a log range needs a low above 0, got 0"),
        ({"low": 0.0005, "hihg": 0.05, "log": True}, "high: missing"),
    ],
)
def test_a_range_that_is_none_is_named(tmp_path, space, message):
    study = {
        "studies__joint__space": {"optimizer": {"learning_rate": space}},
        "studies__joint__sampler": {"kind": "random"},
    }
    with pytest.raises(ConfigError, match=f"studies.joint.space.optimizer.learning_rate.*{message}"):
        load(tmp_path, changed(**study))


@pytest.mark.parametrize("text", ["data: [\n", "", "- a\n", "1: 2\n", "a: &a [*a]\n"])
def test_what_is_not_a_params_file_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params.yaml") as raised:
        config.load(tmp_path / "params.yaml")
    assert "\n" not in str(raised.value)


@pytest.mark.field("hiyouga/LlamaFactory#4014", "a learning rate of 2e-5 is read as text")
@pytest.mark.parametrize("written", ["1e-3", "1E-3", "1.0e-3", "0.001"])
def test_numbers_may_be_written_with_an_exponent(tmp_path, written):
    path = tmp_path / "params.yaml"
    path.write_text(SMALL.replace("learning_rate: 0.01", f"learning_rate: {written}"))
    assert config.load(path, tmp_path).variants["digits"].settings.optimizer.learning_rate == 0.001


@pytest.mark.field("treeverse/dvc#4658", "line ends of another system")
def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path, small):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert config.load(path, tmp_path).variants.keys() == small.variants.keys()


def test_an_unknown_name_is_reported_with_the_nearest_known_one(small):
    with pytest.raises(
        ConfigError, match=re.escape("'digit' is not in params.yaml; did you mean 'digits'?; it has dig")
    ):
        small.variant("digit")
    with pytest.raises(ConfigError, match=re.escape("'joints' is not in params.yaml; did you mean 'joint'?")):
        small.study("joints")
    with pytest.raises(ConfigError, match=re.escape("ensemble 'means' is not in params.yaml; did you mean 'mean'?")):
        small.ensemble("means")


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(ConfigError, match="run from the project's root"):
        config.load(tmp_path / "params.yaml")


def test_sections_that_may_be_absent_are_empty(tmp_path):
    absent = load(tmp_path, changed(studies=DROP, searched=DROP, ensembles=DROP))
    assert (absent.studies, absent.searched, absent.ensembles) == ({}, {}, {})


def test_a_grid_has_no_more_trials_than_points(small):
    assert small.study("joint").with_trials(3).trials == 3
    with pytest.raises(ConfigError, match="--trials: got 9, and the grid has 4 points"):
        small.study("joint").with_trials(9)


def write_best(root: Path, text: str) -> None:
    (root / "results" / "search" / "joint").mkdir(parents=True)
    (root / "results" / "search" / "joint" / "best.yaml").write_text(text)


def test_the_best_settings_of_a_study_are_a_variant_once_it_has_ended(tmp_path, small):
    assert "best" not in small.variants
    with pytest.raises(ConfigError, match="takes its settings from .*best.yaml: run its study first"):
        small.variant("best")
    write_best(tmp_path, "settings: {network: {width: 16}, optimizer: {kind: adam, learning_rate: 0.002}}")
    settings = load(tmp_path, changed()).variant("best").settings
    assert (settings.network.width, settings.network.levels) == (16, 2)
    assert settings.optimizer.kind == "adam"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: [", r"best.yaml is not valid YAML"),
        ("", r"best.yaml: expected named sections"),
        ("trial: 3", r"best.yaml: settings: expected keys with values, got None"),
        ("settings: {network: {width: wide}}", r"variants.best.settings.network.width: got 'wide'"),
    ],
)
def test_a_damaged_file_of_a_study_is_named(tmp_path, text, message):
    write_best(tmp_path, text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, changed())


@pytest.mark.parametrize("text", ["data: &data {source: *data}", "? [1, 2]\n: 3"])
def test_a_section_that_contains_itself_and_a_key_that_is_no_name_are_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"params.yaml( is not valid YAML)?: .*"):
        config.load(path, tmp_path)


def test_an_anchor_that_is_named_twice_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: &few [1, 2]\nb: &few [3]\nc: *few\n")
    with pytest.raises(ConfigError, match=r"params.yaml is not valid YAML: found duplicate anchor 'few' .* line 2"):
        config.load(path, tmp_path)


def test_what_a_study_does_not_search_is_fixed_in_normal_form(tmp_path, small):
    fixed = small.study("joint").fixed
    assert fixed["optimizer.learning_rate"] == 0.01
    assert "network.width" not in fixed
    written = load(tmp_path, changed(defaults__warwick__schedule={"kind": "constant"}, seeds__warwick=[1, 2, 3]))
    assert written.study("joint").fixed == fixed
    other = load(tmp_path, changed(defaults__warwick__batch_size=6))
    assert other.study("joint").fixed == fixed | {"batch_size": 6}


def test_the_committed_experiments_are_those_of_the_report(params):
    variants = {name: variant for name, variant in params.variants.items() if variant.group == "report"}
    assert {variant.exercise for variant in variants.values()} == {"1.1", "1.2", "1.3", "1.4", "1.5", "2.1", "2.2"}
    as_listed = {
        name: [quirk for quirk in ("relu_on_logits", "log_softmax") if getattr(variant.settings.network, quirk, False)]
        for name, variant in variants.items()
    }
    assert {name: on for name, on in as_listed.items() if on} == {
        "warwick-baseline": ["relu_on_logits"],
        "mnist-extra-conv": ["log_softmax"],
    }


AUGMENTATION = [{"kind": "flips"}, {"kind": "affine", "degrees": 90.0}]


def test_items_of_a_list_are_overridden_by_their_kind(tmp_path):
    content = changed(defaults__warwick__augmentation=AUGMENTATION)
    content["variants"]["glands"]["settings"] = {"augmentation": {"affine": {"shear": 5.0}, "quarter-turns": {}}}
    augmentation = load(tmp_path, content).variants["glands"].settings.model_dump()["augmentation"]
    assert [each["kind"] for each in augmentation] == ["flips", "affine", "quarter-turns"]
    assert (augmentation[1]["degrees"], augmentation[1]["shear"]) == (90, 5)


def test_items_are_added_to_an_empty_list():
    over = {"augmentation": {"affine": {"degrees": 10}}}
    assert merged({"augmentation": []}, over) == {"augmentation": [{"kind": "affine", "degrees": 10}]}


def test_items_of_a_list_are_searched_by_their_kind(tmp_path):
    content = changed(defaults__warwick__augmentation=AUGMENTATION)
    content["studies"]["joint"]["space"] = {"augmentation": {"affine": {"degrees": [0.0, 45.0, 90.0, 180.0]}}}
    study = load(tmp_path, content).study("joint")
    variant = study.variant({"augmentation.affine.degrees": 45.0})
    assert [each.kind for each in variant.settings.augmentation] == ["flips", "affine"]
    assert variant.settings.augmentation[1].model_dump()["degrees"] == 45
    assert not any(key.startswith("augmentation.affine.degrees") for key in study.fixed)


def test_an_augmentation_without_settings_is_part_of_what_a_study_is(params):
    study = params.study("unet")
    base = study.base | {"augmentation": [each for each in study.base["augmentation"] if each["kind"] != "flips"]}
    without = study.model_copy(update={"base": base})
    assert study.fixed["augmentation"] == ["flips", *without.fixed["augmentation"]]


def test_flat_keys_of_a_list_name_kinds_where_these_differ():
    assert flat({"a": [{"kind": "x", "b": 1}, {"kind": "y", "b": 2}]}) == {
        "a": ["x", "y"], "a.x.b": 1, "a.y.b": 2
    }  # fmt: skip
    assert flat({"a": [{"kind": "x"}]}) == {"a": ["x"]}
    for plain in ([1, 2], [], [{"kind": "x"}, {"kind": "x"}], [{"b": 1}]):
        assert flat({"a": plain}) == {"a": plain}


FINAL = {"of": "joint", "task": "warwick", "about": "longer", "trials": 2, "iterations": 5000}


def test_a_final_is_the_study_that_it_is_of_but_for_what_it_states(tmp_path):
    params = load(tmp_path, changed(finals={"longer": FINAL}))
    study, final = params.study("joint"), params.study("longer")
    stated = {"about": "longer", "trials": 2, "iterations": 5000, "sampler": BestOf(kind="best-of", study="joint")}
    assert final == study.model_copy(update=stated)
    assert final.command("longer") == "dvc repro search-finals@longer"
    assert study.command("joint") == "dvc repro search@joint"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"of": "jont"}, "finals.longer.of: got 'jont', expected one of the studies joint"),
        ({"space": {}}, "studies.longer.space"),
        ({"budget": 3}, "studies.longer.budget: unknown"),
    ],
)
def test_a_mistake_in_a_final_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(tmp_path, changed(finals={"longer": FINAL | changes}))


def test_a_final_cannot_have_the_name_of_a_study(tmp_path):
    with pytest.raises(ConfigError, match=r"finals.joint: there is a study of that name"):
        load(tmp_path, changed(finals={"joint": FINAL}))


def test_a_group_has_the_stages_of_its_experiments(tmp_path):
    content = changed(finals={"longer": FINAL | {"group": "better"}}, searched__best__group="better")
    load(tmp_path, content)
    path = tmp_path / "params.yaml"
    assert stages_of("better", path) == ["search-finals@longer", "evaluate-searched@best"]
    assert stages_of("report", path) == ["search@joint", "evaluate@glands", "evaluate@digits", "evaluate-ensemble@mean"]
    with pytest.raises(
        ConfigError, match=r"group 'bettr' is not in params.yaml; did you mean 'better'\?; it has report"
    ):
        stages_of("bettr", path)


def test_dotted_keys_become_sections():
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


@pytest.mark.parametrize("pairs", [[("a", 1), ("a.b", 2)], [("a.b", 2), ("a", 1)]])
def test_a_key_that_is_a_value_and_a_section_is_named(pairs):
    with pytest.raises(ConfigError, match=r"^a.*: set one of the two$"):
        nested(dict(pairs))


def test_neutral_defaults_are_those_that_runs_were_recorded_with():
    """Runs are recorded without these, so that another default would change what they are: add to these alone."""
    fields = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    defaults = {name: value.model_dump() if isinstance(value, Strict) else value for name, value in fields.items()}
    assert defaults == {
        "schedule": {"kind": "constant"},
        "loss": {"kind": "cross-entropy", "label_smoothing": 0.0},
        "standardization": "training-set",
        "added_copies": {"flips": False, "rotations": False, "before_split": False},
        "augmentation": (),
        "ema_decay": 0.0,
        "max_gradient_norm": None,
    }
