"""A task and a network that the sources do not know go through the whole pipeline."""

import importlib
import json

import pandas as pd
import pytest

from dl4ia import config
from dl4ia.models.network import NETWORKS
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline
from dl4ia.tasks import TASKS

PARAMS = """
data: {source: stand-in}
seeds: {bars: [0, 1]}
split: {bars: {seed: 0, validation: 0.25}}
defaults:
  bars:
    iterations: 60
    batch_size: 20
    evaluate_every: 20
    channels_last: false
    split: {strategy: random}
    regularization: {kind: l2, strength: 0.0}
    optimizer: {kind: adam, learning_rate: 0.05}
    network: {kind: projections, hidden: 16}
variants:
  bars-plain: {task: bars, exercise: "3.1", about: rows and columns, reported: {}, settings: {}}
ensembles:
  bars-both: {task: bars, exercise: "3.2", about: both seeds together, reported: {}, members: [bars-plain]}
"""


@pytest.fixture
def pipeline(tmp_path):
    bars = importlib.import_module("tests.bars")
    TASKS["bars"] = bars.Bars()
    NETWORKS.register(bars.Projections)
    (tmp_path / "params.yaml").write_text(PARAMS)
    yield Pipeline(config.load(tmp_path / "params.yaml", tmp_path), Layout(tmp_path), tmp_path / "data")
    del TASKS["bars"]
    del NETWORKS._schemas["projections"]


@pytest.mark.slow
def test_a_third_task_is_downloaded_split_trained_evaluated_and_reported(pipeline, capsys):
    pipeline.code()
    pipeline.download()
    pipeline.split()
    pipeline.train(["bars-plain"])
    pipeline.evaluate(["bars-plain", "bars-both"])
    pipeline.report()
    results = pipeline.layout.results
    summary = pd.read_csv(results / "summary.csv", index_col="variant")
    assert list(summary.index) == ["bars-plain", "bars-both"]
    assert (summary["test_accuracy_mean"] > 0.9).all()
    assert set(json.loads((results / "bars-plain" / "metrics.json").read_text())) >= {
        "test_accuracy",
        "runs",
        "trained",
    }
    assert "Bars" in (pipeline.layout.report / "report.md").read_text()
    assert len(list(pipeline.layout.evaluation("bars-plain").glob("seed-*/*.png"))) == 4
    versions = json.loads((results / "code.json").read_text())
    assert versions["train"].keys() == {"bars-plain"}
    assert versions["evaluate"].keys() == {"bars-plain", "bars-both"}
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("bars-plain: validation accuracy ") for line in printed)
    assert any(line.startswith("bars-both: test accuracy ") and "1 of 1 runs trained" in line for line in printed)
