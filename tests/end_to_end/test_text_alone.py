"""A fresh clone without remote, data and anything trained: what its committed text is good for."""

import json
import re

import pytest

from tests.end_to_end.conftest import SEEDS, VARIANT

pytestmark = pytest.mark.system


@pytest.fixture
def clone(reproduced, tmp_path):
    workspace = reproduced.clone(tmp_path / "clone")
    assert not (workspace.root / "out").exists()
    return workspace


def test_metrics_can_be_shown_and_compared(clone):
    printed = clone.run("dvc", "metrics", "show", "--json")
    metrics = json.loads(printed.stdout)[""]["data"]
    assert metrics.keys() == {f"results/{name}/metrics.json" for name in SEEDS}
    assert not printed.stderr
    clone.edit(f"results/{VARIANT}/metrics.json", '"runs": 2', '"runs": 3')
    clone.commit("As if another seed had been added")
    difference = clone.run("dvc", "metrics", "diff", "HEAD~1", "--json")
    changes = json.loads(difference.stdout)
    assert changes[f"results/{VARIANT}/metrics.json"]["runs"] == {"old": 2, "new": 3, "diff": 1}
    assert not difference.stderr


@pytest.mark.field("treeverse/dvc#5679", "plots are blank without a network")
def test_plots_have_training_and_validation_curves_and_need_no_network(clone):
    clone.run("python", "-m", "pipeline.offline_plots")  # as the set-up does
    printed = clone.run("dvc", "plots", "show")
    assert "file://" in printed.stdout
    page = (clone.root / "dvc_plots" / "index.html").read_text()
    (script,) = re.findall(r'<script src="(\.\./[^"]*)">', page)
    assert "window.vegaEmbed=" in (clone.root / "dvc_plots" / script).read_text()
    for name in SEEDS:
        assert f'"text": "{name}"' in page
    assert page.count('"validation/loss": "') > 4
    assert '["train/loss", "validation/loss"]' in page
    assert not clone.run("git", "status", "--porcelain").stdout


def test_experiments_can_be_shown(clone):
    printed = json.loads(clone.run("dvc", "exp", "show", "--json").stdout)
    assert f"results/{VARIANT}/metrics.json" in json.dumps(printed)


def test_the_report_is_rebuilt_to_the_byte(clone):
    for path in (clone.root / "report").rglob("*"):
        if path.is_file() and "-seed-" not in path.name:  # a picture of a single run needs the run
            path.unlink()
    for path in (clone.root / "results").glob("*.csv"):
        if path != clone.layout.test_evaluations:  # which evaluation keeps: what has been done cannot be made again
            path.unlink()
    clone.run("python", "-m", "pipeline.report")
    assert not clone.run("git", "status", "--porcelain").stdout


def test_what_the_text_lacks_can_be_finished_here(clone):
    clone.edit_params(lambda content: content["variants"][VARIANT]["settings"].update(iterations=18))
    assert clone.repro("split") == ["code", "download@warwick", "split@warwick"]
    assert clone.repro("--allow-missing") == [f"train@{VARIANT}", f"evaluate@{VARIANT}", "report"]
    changed = clone.run("git", "status", "--porcelain", "results").stdout.split()
    assert not any(f"results/{name}/" in path for name in SEEDS if name != VARIANT for path in changed)
    assert clone.layout.run(VARIANT, 0).history()["step"].max() == 18


def test_nothing_is_repeated_here(clone):
    assert clone.repro("--allow-missing") == []
