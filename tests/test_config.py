import re
from pathlib import Path

import pytest

from dl4ia import config
from dl4ia.errors import ConfigError
from tests.conftest import ROOT

TEXT = (ROOT / "params.yaml").read_text()


def load_changed(tmp_path: Path, old: str, new: str) -> config.Params:
    assert old in TEXT
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    return config.load(path)


def test_a_variant_overrides_the_defaults_of_its_task_key_by_key(params):
    settings = params.variant("mnist-batch-norm").settings
    assert settings.network.batch_norm_before == (3,)
    assert settings.network.maps == (8, 16, 32)
    assert settings.optimizer == config.Adam(kind="adam", learning_rate=0.01)


def test_a_section_of_another_kind_replaces_the_default_one(params):
    assert params.variant("mnist-fc").settings.network == config.Mlp(kind="mlp", hidden=(80, 40))


def test_quirks_are_off_outside_the_variants_that_reproduce_them(params):
    switched_on = {
        name: [quirk for quirk in ("relu_on_logits", "log_softmax") if getattr(variant.settings.network, quirk, False)]
        for name, variant in params.variants.items()
    }
    assert {name: on for name, on in switched_on.items() if on} == {
        "warwick-baseline": ["relu_on_logits"],
        "mnist-extra-conv": ["log_softmax"],
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: 80", "batchsize: 80", r"batchsize: unknown key; did you mean 'batch_size'\?"),
        ("iterations: 2000", "iterations: many", r"iterations: got 'many': .*integer"),
        ("iterations: 2000", "iterations: 2000.5", r"iterations: got 2000.5"),
        ("iterations: 2000", "iterations: true", r"iterations: got True"),
        ("learning_rate: 0.01", "learning_rate: .nan", r"learning_rate: got"),
        ("learning_rate: 0.01", "learning_rate: -1", r"learning_rate: got -1"),
        ("    seeds: [0, 1, 2]\n", "", r"seeds: missing"),
        ("seeds: [0, 1, 2]", "seeds: [0, 0]", r"seeds \[0, 0\] names one twice"),
        ("width: 4}", "width: -4}", r"variants.warwick-fewer-maps.settings.network.width: got -4"),
        ("levels: 1}", "levels: 8}", r"8 poolings of a 128x128 image leave less than 2"),
        ("pools: 3", "pools: 5", r"pools 5 is more than the 4 convolutions"),
        ("batch_norm_before: [3]", "batch_norm_before: [9]", r"names a convolution that is not in maps"),
        ("task: mnist", "task: mnits", r"variants.mnist-fc.task: got 'mnits', expected one of mnist, warwick"),
        ("source: auto", "source: internet", r"data.source: got 'internet'"),
        ("strategy: random}", "strategy: patient}", r"split.strategy: got 'patient'"),
        ("kind: sgd", "kind: sdg", r"optimizer: "),
        ("kind: sgd", "kind: [sgd]", r"optimizer: "),
        ("warwick_validation: 0.2", "warwick_validation: 2", r"split.warwick_validation: got 2"),
        ("sampler: {kind: grid}", "sampler: {kind: gird}", r"studies.lambda.sampler: got .*'gird'"),
        ("sampler: {kind: tpe, startup: 12}", "sampler: {kind: tpe}", r"studies.joint.sampler.startup: missing"),
        ("pruner: {kind: none}", "pruner: {kind: hyperband}", r"studies.lambda.pruner: got .*'hyperband'"),
        ("folds: 3", "folds: 1", r"studies.lambda.objective.folds: got 1"),
        ("strategy: patient, folds", "strategy: patients, folds", r"studies.joint.objective.strategy: got 'patients'"),
        ("trials: 8", "trials: 9", r"studies.lambda: .*the grid has 8 points, and trials is 9"),
        ("hours: 4", "hours: 0", r"studies.lambda.hours: got 0"),
        (
            "width: [4, 8, 10, 16, 24]",
            "wdth: [4, 8, 10, 16, 24]",
            r"widths.space: network.wdth: unknown key; .*'width'",
        ),
        ("width: [4, 8, 10, 16, 24]", "width: []", r"studies.widths.space.network.width.choices: got \[\]"),
        ("width: [4, 8, 10, 16, 24]", "width: [4, 8, 8, 16, 24]", r"\[4, 8, 8, 16, 24\] names a choice twice"),
        ("width: [4, 8, 10, 16, 24]", "width: 4", r"widths.space.network.width: expected a list of choices, or low"),
        (
            "width: [4, 8, 10, 16, 24]",
            "width: {low: 4, high: 24, log: false}",
            r"grid needs choices, .*width is a range",
        ),
        (
            "levels: [1, 2, 3]",
            "levels: [1, 2, 7]",
            r"widths.space: network: .*7 poolings of a 128x128 image leave less",
        ),
        ("levels: [1, 2, 3]", "levels: [1, 2, true]", r"widths.space: network.levels: got True"),
        ("batch_norm: [false, true]", "batch_norm: [false, maybe]", r"joint.space: network.batch_norm: got 'maybe'"),
        ("low: 0.0005", "low: 0.5", r"learning_rate: .*low 0.5 is not below high 0.05"),
        ("low: 0.0005", "low: 0", r"learning_rate: .*a log range needs a low above 0, got 0"),
        ("best: out/search/joint/best.yaml", "best: 3", r"searched.warwick-searched.best: got 3, expected the file"),
        ("  warwick-searched:\n", "  warwick-start:\n", r"searched.warwick-start: there is a variant of that name"),
        ("{low: 0.0005, high", "{low: 0.0005, hihg", r"learning_rate.high: missing"),
        ("data:\n", "data: [\n", r"no valid YAML"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(tmp_path, old, new, message):
    with pytest.raises(ConfigError, match=message) as raised:
        load_changed(tmp_path, old, new)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "params.yaml"))


def test_an_unknown_variant_is_named_with_the_nearest_known_one(params):
    with pytest.raises(ConfigError, match=re.escape("'mnist-cn' is not in params.yaml; did you mean 'mnist-cnn'?")):
        params.variant("mnist-cn")


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(ConfigError, match="run from the project's root"):
        config.load(tmp_path / "params.yaml")


def test_an_empty_space_is_refused(tmp_path):
    start = TEXT.index("    space:\n      regularization")
    space = TEXT[start : TEXT.index("    settings:\n", start)]
    with pytest.raises(ConfigError, match=r"studies.lambda.space: got \{\}"):
        load_changed(tmp_path, space, "    space: {}\n")


def test_an_unknown_study_is_named_with_the_nearest_known_one(params):
    with pytest.raises(ConfigError, match=re.escape("'joints' is not in params.yaml; did you mean 'joint'?")):
        params.study("joints")


def test_a_grid_has_no_more_trials_than_points(params):
    assert params.study("lambda").with_trials(3).trials == 3
    with pytest.raises(ConfigError, match="--trials: got 9, and the grid has 8 points"):
        params.study("lambda").with_trials(9)


def test_what_a_study_searches_is_what_the_report_varied_and_more(params):
    assert len(list(params.study("lambda").grid())) == 8
    assert len(list(params.study("widths").grid())) == 15
    assert {key.split(".")[-1] for key in params.study("joint").space} == {
        "width", "levels", "kind", "strength", "rotations", "flips", "learning_rate", "batch_norm", "relu_on_logits",
        "relu_after_last_upsampling", "skip_connections", "residual",
    }  # fmt: skip


def leave_best(root: Path, text: str) -> None:
    (root / "out" / "search" / "joint").mkdir(parents=True)
    (root / "out" / "search" / "joint" / "best.yaml").write_text(text)


def test_the_winner_of_a_study_is_a_variant_once_it_is_found(tmp_path):
    before = config.load(ROOT / "params.yaml", tmp_path)
    assert "warwick-searched" not in before.variants
    with pytest.raises(ConfigError, match="takes its settings from .*best.yaml: run its study first"):
        before.variant("warwick-searched")
    leave_best(tmp_path, "settings: {flips: true, network: {width: 16}, optimizer: {kind: adam, learning_rate: 0.002}}")
    settings = config.load(ROOT / "params.yaml", tmp_path).variant("warwick-searched").settings
    assert settings.flips
    assert settings.network.width == 16
    assert settings.optimizer == config.Adam(kind="adam", learning_rate=0.002)
    assert settings.split.strategy == "none"
    assert settings.iterations == 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: [", r"best.yaml is no valid YAML"),
        ("", r"best.yaml: expected sections"),
        ("trial: 3", r"best.yaml.settings: expected keys"),
        ("settings: {network: {width: wide}}", r"variants.warwick-searched.settings.network.width: got 'wide'"),
    ],
)
def test_damaged_findings_are_named(tmp_path, text, message):
    leave_best(tmp_path, text)
    with pytest.raises(ConfigError, match=message):
        config.load(ROOT / "params.yaml", tmp_path)
