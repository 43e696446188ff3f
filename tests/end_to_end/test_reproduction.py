"""What `dvc repro` leaves, also after it was killed."""

import json
import os
import shutil
import signal

import pandas as pd
import pytest
from mlflow import MlflowClient

from tests.end_to_end.conftest import SEARCHED, SEEDS, STUDY, TRIALS, VARIANT, project
from tests.workspaces import differing, wait_until


def test_every_stage_writes_what_it_promises(reproduced):
    files = {str(path.relative_to(reproduced.root)) for path in reproduced.root.rglob("*") if path.is_file()}
    expected = {"results/code.json", "results/summary.csv", "results/runs.csv", "results/metrics.csv"}
    expected |= {"results/trials.csv", "results/source.json", "report/report.md"}
    expected |= {
        f"results/search/{STUDY}/{file}" for file in ("best.yaml", "curves.csv", "importances.csv", "trials.csv")
    }
    for name, seeds in SEEDS.items():
        tables = ("confusion.csv", "curves.csv", "images.csv", "metrics.csv", "metrics.json", "runs.json")
        expected |= {f"results/{name}/{file}" for file in tables}
        for seed in seeds:
            run = ("config.json", "history.csv", "model.safetensors", "status.json")
            expected |= {f"out/runs/{name}/seed-{seed}/{file}" for file in run}
            kinds = ("examples", "layers")
            expected |= {f"out/evaluation/{name}/seed-{seed}/{kind}-test_{part}.png" for kind in kinds for part in "ab"}
    assert not expected - files
    assert "stand-in" in (reproduced.root / "report" / "report.md").read_text().lower()
    assert (pd.read_csv(reproduced.root / "results" / "trials.csv")["study"] == STUDY).sum() == TRIALS


def test_a_second_reproduction_runs_nothing(reproduced):
    assert reproduced.repro() == []
    assert reproduced.stale() == set()
    assert not reproduced.run("git", "status", "--porcelain").stdout


@pytest.mark.field("treeverse/dvc#8788", "DVC failed to load some metrics")
def test_dvc_shows_the_metrics_of_the_summary(reproduced):
    metrics = json.loads(reproduced.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert metrics.keys() == {f"results/{name}/metrics.json" for name in SEEDS}
    assert metrics[f"results/{VARIANT}/metrics.json"]["data"]["runs"] == len(SEEDS[VARIANT])


def test_runs_are_in_mlflow_while_nothing_was_published_by_hand(reproduced):
    assert runs_in_mlflow(reproduced)


@pytest.mark.system
def test_what_was_killed_in_a_training_is_finished_by_another_reproduction(reproduced, tmp_path):
    workspace = project(tmp_path / "killed")
    killed = workspace.start("dvc", "repro")
    assert wait_until(lambda: any(workspace.root.glob("out/runs/*/seed-*/history.csv")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert workspace.repro()
    assert differing(workspace.results(), reproduced.results()) == 0
    assert workspace.repro() == []


@pytest.mark.system
def test_publishing_completes_what_mlflow_has(reproduced, tmp_path):
    workspace = reproduced.copy(tmp_path / "copy")
    shutil.rmtree(workspace.root / "mlartifacts", ignore_errors=True)
    for path in workspace.root.glob("mlflow.db*"):
        path.unlink()
    workspace.run("python", "-m", "pipeline.publish")
    runs = runs_in_mlflow(workspace)
    of_trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(of_trials) == TRIALS
    assert len(runs) == TRIALS + 1 + sum(map(len, SEEDS.values()))
    assert {run.info.status for run in runs} == {"FINISHED"}


def runs_in_mlflow(workspace):
    client = MlflowClient(f"sqlite:///{workspace.root}/mlflow.db")
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def test_the_variant_of_a_study_is_trained_with_the_best_settings(reproduced):
    best = (reproduced.layout.study(STUDY).best).read_text()
    settings = reproduced.layout.run(SEARCHED, 0).config().settings
    assert f"kind: {settings['regularization']['kind']}" in best


@pytest.mark.slow
def test_a_comment_or_an_unrelated_network_makes_nothing_stale_but_the_stage_that_looks(reproduced, tmp_path):
    workspace = reproduced.copy(tmp_path / "copy")
    loop = workspace.root / "src" / "dl4ia" / "training" / "loop.py"
    loop.write_text(f"{loop.read_text()}\n# A remark.\n")
    network = workspace.root / "src" / "dl4ia" / "models" / "cnn.py"
    network.write_text(f"{network.read_text()}\nADDED = 1\n")
    assert workspace.stale() == {"code"}
    assert workspace.repro() == ["code"]
    assert workspace.stale() == set()
