"""Variants with other settings, to try something."""

import pytest

from dl4ia.base.errors import ConfigError
from dl4ia.runs.train import Experiment, train_all
from dl4ia.tracking.runs import RunView
from dl4ia.tries import tries
from tests.runs.inline import Inline


def test_settings_are_merged_over_those_of_the_variant(params, tmp_path):
    (first, second) = tries(params, "mnist-cnn", {"network.pools": "1", "optimizer.momentum": "0.5"}, [3, 4], tmp_path)
    settings = first.variant.settings
    assert (settings.network.pools, settings.optimizer.momentum) == (1, 0.5)
    assert settings.network.feature_maps == params.variant("mnist-cnn").settings.network.feature_maps
    assert (first.seed, second.seed) == (3, 4)


def test_a_section_of_another_kind_replaces_the_whole_section(params, tmp_path):
    changes = {"network": "{kind: mlp, hidden: [20]}"}
    assert tries(params, "mnist-cnn", changes, [0], tmp_path)[0].variant.settings.network.kind == "mlp"


def test_a_try_has_a_folder_of_its_own_below_out(params, tmp_path):
    changes = {"network": "{kind: mlp, hidden: [20, 20]}", "optimizer.learning_rate": "1e-3"}
    (one,) = tries(params, "mnist-cnn", changes, [0], tmp_path)
    (other,) = tries(params, "mnist-cnn", changes | {"batch_size": "50"}, [0], tmp_path)
    assert one.run.path.parent.parent == tmp_path / "out" / "tries"
    assert one.run.path != other.run.path
    assert len(other.run.path.parent.name) <= 100


def test_what_the_task_does_not_allow_is_named(params, tmp_path):
    with pytest.raises(ConfigError, match=r"^split.strategy: got 'patient', and task mnist allows random, none$"):
        tries(params, "mnist-cnn", {"split.strategy": "patient"}, [0], tmp_path)


def test_a_try_has_the_content_that_params_yaml_may_have_later(params, layout):
    """So that its checkpoints are those of the variant then, and it is trained once."""
    changes = {"iterations": "4", "evaluate_every": "2", "batch_size": "4"}
    (tried,) = tries(params, "mnist-fc", changes, [0], layout.root)
    train_all([tried], Inline(), lambda _: None)
    later = Experiment("mnist-fc", tried.variant, 0, layout)
    train_all([later], Inline(), lambda _: None)
    assert later.run.status().resumed_at == 4
    (record,) = RunView(tried).records(final=False)
    assert record.command == "dl4ia train mnist-fc iterations=4 evaluate_every=2 batch_size=4 --seeds 0"
