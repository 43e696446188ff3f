import json

import pandas as pd
from mlflow import MlflowClient

from tests.copies import Copy
from tests.end_to_end.conftest import KEPT, SEARCHED, TRIALS

RUNS = [f"{name}/seed-{seed}" for name in (*KEPT, SEARCHED) for seed in (0, 1)]
STUDIES = [f"search/{name}" for name in TRIALS]
OF_TRIALS = [f"{name}/trial-{number}" for name, trials in TRIALS.items() for number in range(trials)]


def test_every_stage_leaves_what_it_promises(reproduced):
    there = {str(path.relative_to(reproduced.root)) for path in reproduced.root.rglob("*") if path.is_file()}
    for name in TRIALS:
        assert {
            f"out/search/{name}/{file}" for file in ("best.yaml", "trials.csv", "curves.csv", "history.png")
        } <= there
    for name in (*KEPT, SEARCHED):
        for seed in (0, 1):
            assert {
                f"out/runs/{name}/seed-{seed}/{file}" for file in ("config.json", "history.csv", "model.safetensors")
            } <= there
            assert (
                f"out/evaluation/{name}/runs/seed-{seed}/confusion-test{'' if name == 'mnist-fc' else '_a'}.png"
                in there
            )
    trials = pd.read_csv(reproduced.root / "results" / "trials.csv")
    assert trials.columns[:5].tolist() == ["study", "trial", "state", "value", "seconds"]
    assert trials["study"].value_counts().to_dict() == TRIALS
    assert {"results/summary.csv", "results/runs.csv", "results/source.json", "report/report.md"} <= there
    assert "**Not the real data.**" in (reproduced.root / "report" / "report.md").read_text()


def test_runs_are_in_mlflow_while_nothing_was_published_by_hand(reproduced):
    client = MlflowClient(f"sqlite:///{reproduced.root}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids)
    assert sorted(run.info.run_name for run in runs) == sorted(RUNS + STUDIES + OF_TRIALS)
    assert {run.info.status for run in runs if run.info.run_name not in OF_TRIALS} == {"FINISHED"}
    validated = [run for run in runs if run.info.run_name in RUNS and not run.info.run_name.startswith(SEARCHED)]
    assert all("validation/loss" in run.data.metrics for run in validated)


def test_a_second_repro_does_nothing(reproduced):
    again = reproduced.run("dvc", "repro")
    assert "Running stage" not in again.stdout
    assert "up to date" in again.stdout
    assert not reproduced.run("git", "status", "--porcelain").stdout


def test_metrics_and_plots_are_there_for_dvc(reproduced):
    metrics = json.loads(reproduced.run("dvc", "metrics", "show", "--json").stdout)
    shown = metrics[""]["data"]["out/evaluation/mnist-fc/metrics.json"]["data"]
    summary = pd.read_csv(reproduced.root / "results" / "summary.csv", index_col="variant")
    assert abs(shown["test_accuracy"] - summary.loc["mnist-fc", "test_accuracy_mean"]) < 1e-4
    assert "file://" in reproduced.run("dvc", "plots", "show").stdout


def test_a_second_working_copy_gets_all_by_pull_and_shows_it(reproduced, tmp_path):
    remote = tmp_path / "remote"
    reproduced.run("dvc", "remote", "add", "-d", "-f", "--local", "shared", str(remote))
    reproduced.run("dvc", "push")
    other = Copy(tmp_path / "second")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.run("dvc", "remote", "add", "-d", "--local", "shared", str(remote))
    other.run("dvc", "pull")
    assert "Running stage" not in other.run("dvc", "repro").stdout
    assert not (other.root / "mlflow.db").exists()
    assert "10 runs and studies are in MLflow" in other.run("python", "-m", "pipeline.publish").stdout
    client = MlflowClient(f"sqlite:///{other.root}/mlflow.db")
    shown = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert sorted(run.info.run_name for run in shown) == sorted(RUNS + STUDIES + OF_TRIALS)
    runs = [run for run in shown if run.info.run_name in RUNS]
    assert all(client.get_run(run.info.run_id).outputs.model_outputs for run in runs)
    assert all("test/accuracy" in run.data.metrics or "test_a/dice" in run.data.metrics for run in runs)


def test_changing_one_variant_retrains_that_one_alone(reproduced, tmp_path):
    other = Copy(tmp_path / "changed")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.run("dvc", "cache", "dir", "--local", str(reproduced.root / ".dvc" / "cache"))
    other.run("dvc", "checkout")
    other.edit(lambda content: content["variants"]["mnist-fc"]["settings"].update(iterations=20))
    status = other.run("dvc", "repro", "--dry").stdout
    ran = [line.split("'")[1] for line in status.splitlines() if line.startswith("Running stage")]
    assert ran == ["train@mnist-fc", "evaluate@mnist-fc", "report"]


def test_a_study_that_finds_something_else_has_its_winner_retrained(reproduced, tmp_path):
    other = Copy(tmp_path / "searched")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.run("dvc", "cache", "dir", "--local", str(reproduced.root / ".dvc" / "cache"))
    other.run("dvc", "checkout")
    space = {"optimizer": {"kind": ["adam"], "learning_rate": {"low": 0.001, "high": 0.002, "log": True}}}
    other.edit(lambda content: content["studies"]["joint"].update(space=space))
    said = other.run("dvc", "repro", "evaluate-searched@warwick-searched").stdout
    ran = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    assert ran == ["search@joint", "train-searched@warwick-searched", "evaluate-searched@warwick-searched"]
    found = pd.read_csv(other.root / "out" / "search" / "joint" / "trials.csv")
    other.edit(lambda content: content["studies"]["joint"].update(seed=1))
    failed = other.run("dvc", "repro", "search@joint", check=False)
    assert failed.returncode
    assert "was made with another seed: 0 there, 1 now. Give the study another name" in failed.stderr
    other.edit(lambda content: content["studies"]["joint"].update(seed=0))  # and what was found is still there
    other.run("dvc", "repro", "search@joint")
    assert pd.read_csv(other.root / "out" / "search" / "joint" / "trials.csv").equals(found)


def test_the_demonstration_leaves_runs_and_a_report_and_touches_nothing_that_is_committed(reproduced, tmp_path):
    other = Copy(tmp_path / "demo")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    said = other.run("python", "-m", "pipeline.demo").stdout
    assert "report: out/demo/report/report.md\nMLflow: 6 runs and studies, `make demo-ui` shows them" in said
    page = (other.root / "out" / "demo" / "report" / "report.md").read_text()
    assert "**A demonstration**" in page
    assert "**Not the real data.**" in page
    client = MlflowClient(f"sqlite:///{other.root}/out/demo/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    of_trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    others = [run.info.run_name for run in runs if run not in of_trials]
    assert sorted(others) == sorted([f"{name}/seed-0" for name in (*KEPT, SEARCHED)] + STUDIES)
    assert of_trials
    assert not other.run("git", "status", "--porcelain").stdout


def test_bad_input_is_one_line_and_leaves_what_was_there(reproduced, tmp_path):
    other = Copy(tmp_path / "bad")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.run("dvc", "cache", "dir", "--local", str(reproduced.root / ".dvc" / "cache"))
    other.run("dvc", "checkout")
    unknown = other.run("python", "-m", "pipeline.train", "mnist-fx", check=False)
    assert unknown.returncode == 1
    assert unknown.stderr.strip() == "error: variant 'mnist-fx' is not in params.yaml; did you mean 'mnist-fc'?"
    other.edit(lambda content: content["defaults"]["mnist"].update(batchsize=3))
    for stage in ("download", "split", "report"):
        failed = other.run("python", "-m", f"pipeline.{stage}", check=False)
        assert failed.returncode == 1
        assert "batchsize: unknown key; did you mean 'batch_size'?" in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1
    assert not other.run("git", "status", "--porcelain", "results", "report").stdout


def test_a_full_disk_is_one_line_and_leaves_what_was_there(reproduced, tmp_path):
    other = Copy(tmp_path / "full")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.run("dvc", "cache", "dir", "--local", str(reproduced.root / ".dvc" / "cache"))
    other.run("dvc", "checkout")
    before = {path: path.read_bytes() for path in (other.root / "out" / "split").iterdir()}
    failed = other.run("bash", "-c", "ulimit -f 100; python -m pipeline.split", check=False)
    assert failed.returncode == 1
    assert failed.stderr.strip() == (
        "error: out/split/mnist-none.json: File too large; nothing was half-written, mend it and run again"
    )
    assert {path: path.read_bytes() for path in (other.root / "out" / "split").iterdir()} == before


def test_a_source_that_cannot_be_had_is_one_line(reproduced, tmp_path):
    other = Copy(tmp_path / "offline")
    reproduced.run("git", "clone", "-q", ".", str(other.root))
    other.edit(lambda content: content["data"].update(source="mirror"))
    failed = other.run("python", "-m", "pipeline.download", check=False, DL4IA_MIRROR="http://127.0.0.1:9")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: mnist is not to be had (mirror: no answer from http://127.0.0.1:9/")
    assert not (other.root / "out").exists()
