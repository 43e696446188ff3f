"""`make demo`."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from dl4ia import config
from dl4ia.demo import PARAMS
from tests.conftest import ROOT


@pytest.fixture
def params(tmp_path):
    return config.load(PARAMS, tmp_path)


def test_the_demonstration_is_small_and_has_a_piece_of_everything(params):
    assert {variant.task for variant in params.variants.values()} == {"mnist", "warwick"}
    assert max(variant.settings.iterations for variant in params.variants.values()) <= 300
    (best,) = params.searched.values()
    assert best.split("/")[2] in params.studies
    assert params.ensembles


@pytest.mark.slow
def test_there_is_tissue_to_predict_without_data_and_network_on_a_new_machine(tmp_path):
    code = "from pathlib import Path; from dl4ia.demo import tissue; print(tissue(Path('data')))"
    variables = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT / "src")}
    path = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=variables, text=True).strip()
    with Image.open(tmp_path / path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (512, 512))


@pytest.mark.system
def test_the_demonstration_leaves_a_report_of_networks_that_trained_and_touches_nothing_that_is_committed(
    reproduced, tmp_path, params
):
    workspace = reproduced.clone(tmp_path / "clone")
    demo = workspace.root / PARAMS.relative_to(ROOT)
    demo.write_text(demo.read_text().replace("source: auto", "source: stand-in"))
    workspace.commit("Ask no network for data")
    *_, report, runs, prediction = workspace.run("python", "-m", "pipeline.demo").stdout.splitlines()
    assert report.startswith("the report:   out/demo/report/index.html")
    assert runs == "runs, trials: `make demo-ui` (MLflow), `make demo-dashboard` (Optuna)"
    workspace.run("bash", "-c", prediction.split("`")[1])
    assert (workspace.root / "out" / "demo" / "predictions" / "predictions.csv").exists()
    out = workspace.root / "out" / "demo"
    assert "**A demonstration**" in (out / "report" / "report.md").read_text()
    summary = pd.read_csv(out / "results" / "summary.csv", index_col="variant")
    assert set(summary.index) == {*params.rows, *params.searched}
    assert (summary["trained"] == summary["seeds"]).all()
    assert not workspace.run("git", "status", "--porcelain").stdout
