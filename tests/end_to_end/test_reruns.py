"""What reruns after an edit, and what does not, as DVC and the study say; see design.md, "What reruns"."""

import json

import pandas as pd
import pytest

from tests.end_to_end.conftest import SEARCHED, SEEDS, STUDY, TRIALS, VARIANT
from tests.workspaces import keep

pytestmark = pytest.mark.system

TRAININGS = {f"search@{STUDY}", f"train@{VARIANT}", f"train-searched@{SEARCHED}"}
RATE = '        group["lr"] = optimizer.defaults["lr"] * factor\n'


@pytest.fixture
def workspace(reproduced, tmp_path):
    return reproduced.copy(tmp_path / "copy")


def search(workspace):
    return workspace.run("dl4ia", "search", STUDY, check=False)


def append(workspace, name, text="\nADDED = 1\n"):
    path = workspace.root / "src" / "dl4ia" / name
    path.write_text(path.read_text() + text)


def keys(workspace):
    return {(name, seed): workspace.layout.run(name, seed).config().key for name in SEEDS for seed in SEEDS[name]}


def test_words_plots_and_other_tasks_retrain_nothing_and_refuse_no_study(workspace):
    append(workspace, "training/loop.py", "\n# A remark.\n")
    workspace.edit(
        "src/dl4ia/training/loop.py", '"""Do one iteration; return its learning rate."""', '"""Other words."""'
    )
    append(workspace, "report/plots/curves.py")
    append(workspace, "tasks/mnist.py")
    append(workspace, "tasks/figures.py")
    assert workspace.stale() == {"code"}
    assert workspace.repro("code") == ["code"]
    assert workspace.stale() == {f"evaluate@{VARIANT}", f"evaluate-searched@{SEARCHED}", "report"}
    before = keys(workspace)
    assert {stage.partition("@")[0] for stage in workspace.repro()} == {"evaluate", "evaluate-searched", "report"}
    assert keys(workspace) == before
    assert search(workspace).returncode == 0


def test_an_edit_that_decides_is_noticed_and_refuses_the_study_until_it_is_shown_to_be_harmless(workspace):
    workspace.edit("src/dl4ia/training/loop.py", RATE, RATE.replace("* factor", "* (1.0 * factor)"))
    workspace.repro("code")
    assert workspace.stale() >= TRAININGS
    refused = search(workspace)
    assert refused.returncode == 1
    assert "was made with another code" in refused.stderr
    assert "make same REV=" in refused.stderr
    same = workspace.run("python", "-m", "pipeline.same", "HEAD")
    assert "trainings are the same to the bit as with HEAD" in same.stdout
    assert workspace.repro("code") == ["code"]
    assert workspace.stale() == set()
    assert search(workspace).returncode == 0


def test_an_edit_that_changes_results_is_not_recorded_as_harmless(workspace):
    workspace.edit("src/dl4ia/training/loop.py", RATE, RATE.replace("* factor", "* (1.0001 * factor)"))
    different = workspace.run("python", "-m", "pipeline.same", "HEAD", check=False)
    assert different.returncode == 1
    assert "have other results than with HEAD: nothing recorded" in different.stderr
    assert f"different  warwick: {VARIANT}" in different.stdout
    workspace.repro("code")
    assert workspace.stale() >= TRAININGS


def test_neutral_settings_more_seeds_another_device_and_more_trials_retrain_nothing(workspace):
    before, trials = keys(workspace), workspace.layout.study(STUDY).table("trials")
    workspace.edit("src/dl4ia/config/settings.py", "    ema_decay: ", "    dropout: float = 0.0\n    ema_decay: ")

    def change(content):
        content["device"] = "cpu"
        content["defaults"]["warwick"]["schedule"] = {"kind": "constant"}
        content["defaults"]["warwick"]["dropout"] = 0.0
        content["seeds"]["warwick"] = [0, 1, 2]
        content["studies"][STUDY]["trials"] = TRIALS + 1

    workspace.edit_params(change)
    assert "report" in workspace.repro()
    assert keys(workspace) == before
    for name, seeds in SEEDS.items():
        for seed in seeds:
            run = workspace.layout.run(name, seed)
            assert run.status().resumed_at == run.history()["step"].iloc[-1]
    assert workspace.layout.run(VARIANT, 2).status().resumed_at is None
    continued = workspace.layout.study(STUDY).table("trials")
    assert len(continued) == TRIALS + 1
    pd.testing.assert_frame_equal(continued[: len(trials)], trials, check_dtype=False)


def test_another_device_makes_nothing_stale(workspace):
    workspace.edit_params(lambda content: content.update(device="cpu"))
    assert workspace.stale() == set()


def test_a_study_with_another_outcome_has_its_variant_retrained(workspace):
    space = {"optimizer": {"kind": ["adam"], "learning_rate": {"low": 0.001, "high": 0.002, "log": True}}}
    workspace.edit_params(lambda content: content["studies"][STUDY].update(space=space))
    refused = workspace.run("dvc", "repro", f"search@{STUDY}", check=False)
    assert refused.returncode
    assert "give the study another name" in refused.stderr
    workspace.run("optuna", "delete-study", "--study-name", STUDY, "--storage", "sqlite:///studies.db")
    stages = workspace.repro(f"evaluate-searched@{SEARCHED}")
    assert stages == [f"search@{STUDY}", f"train-searched@{SEARCHED}", f"evaluate-searched@{SEARCHED}"]
    assert workspace.layout.run(SEARCHED, 0).config().settings["optimizer"]["learning_rate"] < 0.002


def test_a_removed_variant_leaves_no_results(workspace):
    def change(content):
        content["searched"] = {}

    workspace.edit_params(change)
    assert workspace.repro() == ["code", "report"]
    assert not (workspace.root / "results" / SEARCHED).exists()
    metrics = json.loads(workspace.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert metrics.keys() == {f"results/{VARIANT}/metrics.json"}
    assert SEARCHED not in (workspace.root / "results" / "summary.csv").read_text()


def test_an_ensemble_is_evaluated_and_nothing_is_trained(workspace):
    row = {"task": "warwick", "exercise": "2.4", "about": "both", "reported": {}, "members": [VARIANT, SEARCHED]}
    workspace.edit_params(lambda content: content.update(ensembles={"warwick-both": row}))
    assert workspace.repro() == ["code", "evaluate-ensemble@warwick-both", "report"]
    metrics = json.loads(workspace.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert metrics["results/warwick-both/metrics.json"]["data"]["runs"] == 1
    assert workspace.repro() == []


def test_there_may_be_no_study(workspace):
    def change(content):
        keep(content, variants=[VARIANT])

    workspace.edit_params(change)
    assert workspace.repro() == ["code", "report"]
    assert not list((workspace.root / "results" / "search").glob("*/trials.csv"))
    assert workspace.layout.result(VARIANT).record().name == VARIANT
    assert not pd.read_csv(workspace.root / "results" / "trials.csv")["study"].any()
