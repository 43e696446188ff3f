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
        ("warwick_validation: 0.2", "warwick_validation: 2", r"split.warwick_validation: got 2"),
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
