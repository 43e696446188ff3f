"""Runs and ensembles in MLflow: what a record has, and how MLflow shows it."""

import base64
import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric

from dl4ia.base.errors import RunError, UserError
from dl4ia.execution.processes import this_process
from dl4ia.runs.train import train_all
from dl4ia.tasks import TASKS
from dl4ia.tracking.live import publish, views
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.runs import EnsembleView, RunView
from dl4ia.tracking.views import group_of
from tests.runs.inline import Inline
from tests.tracking.conftest import ENSEMBLE, GROUP, NAME, client_of, published, runs_of
from tests.tracking.samples import GONE

RUN = f"{NAME}/seed-0"


def without_results(layout):
    shutil.rmtree(layout.results)
    shutil.rmtree(layout.root / "out" / "evaluation")


def with_status(experiment, **changes):
    experiment.run.write_status(experiment.run.status().model_copy(update=changes))
    return experiment


def trained_again(experiment):
    """Train it again, with other weights, as another machine may have done."""
    shutil.rmtree(experiment.layout.root / "out" / "checkpoints", ignore_errors=True)
    train_all([experiment], Inline(), lambda _: None)
    weights = {name: 0.5 * value for name, value in experiment.run.weights().items()}
    experiment.run.write_weights(weights)
    history = experiment.run.history()
    experiment.run.write_history(history.assign(**{"train/loss": 2 * history["train/loss"]}).to_dict("records"))
    return with_status(experiment, device="another GPU")


@pytest.fixture
def public_run(public):
    return runs_of(public)[RUN]


def test_a_run_is_shown_with_all_there_is_to_know(public, public_run):
    run, status = public_run, public.run(NAME, 0).status()
    assert run.info.status == "FINISHED"
    assert run.info.start_time == int(1000 * status.started)
    assert run.info.end_time == int(1000 * (status.started + status.seconds))
    expected = {
        "variant": NAME,
        "seed": "0",
        "optimizer.kind": "adam",
        "weights": "66320",
        "device": "cpu",
        "threads": "1",
    }
    assert expected.items() <= run.data.params.items()
    assert run.data.params.keys().isdisjoint({"data", "split"})
    tags = {
        "exercise": "1.1",
        "data_source": "stand-in",
        "run_key": public.run(NAME, 0).config().key,
        "state": "finished",
    }
    assert tags.items() <= run.data.tags.items()
    assert run.data.tags["dl4ia.data"] == public.run(NAME, 0).config().data
    assert run.data.tags["mlflow.source.git.commit"] == status.git_commit
    assert run.data.tags["mlflow.source.name"] == f"dvc repro train@{NAME}"
    assert run.data.tags["mlflow.user"]
    assert run.inputs.dataset_inputs[0].dataset.name == "MNIST"
    assert run.data.metrics["train_seconds"] == status.seconds
    assert len(run.outputs.model_outputs) == 1


def test_curves_sort_before_final_metrics_and_epochs_are_no_metric(public, public_run):
    names = sorted(public_run.data.metrics)
    assert names[:4] == [
        f"curve/{part}_{metric}" for part in ("train", "validation") for metric in ("accuracy", "loss")
    ]
    assert "schedule/learning_rate" in names
    assert not [name for name in names if "epoch" in name]


def test_final_metrics_are_at_step_0_and_those_of_the_report_apart_from_the_others(public, public_run):
    run = public_run
    table = public.result(NAME).table("metrics").query("seed == 0").set_index(["part", "metric"])["value"]
    final = {name: value for name, value in run.data.metrics.items() if name.startswith("final/")}
    assert final == {
        f"final/{part}_{metric}": value for (part, metric), value in table.items() if metric in ("accuracy", "loss")
    }
    assert run.data.metrics["measured/test_recall"] == table["test", "recall"]
    assert run.data.metrics["trained"] == float(public.result(NAME).record().runs[0].trained)
    client = client_of(public)
    for name in (*final, "measured/test_recall", "trained", "train_seconds"):
        assert [metric.step for metric in client.get_metric_history(run.info.run_id, name)] == [0]


def test_tables_and_pictures_of_the_evaluation_are_files_of_the_run(public, public_run):
    run = public_run
    client = client_of(public)
    files = {entry.path for entry in client.list_artifacts(run.info.run_id, "evaluation")}
    names = {"metrics.csv", "images.csv", "confusion.csv", "confusion-test.png", "examples-test.png"}
    assert files == {f"evaluation/{name}" for name in names}
    confusion = pd.read_csv(client.download_artifacts(run.info.run_id, "evaluation/confusion.csv"))
    assert set(confusion["seed"]) == {0}


def test_a_run_has_the_rows_of_its_seed_whatever_the_names_of_images(experiment):
    path = experiment.layout.result(NAME).path / "images.csv"
    table = pd.read_csv(path).query("seed == 0")
    odd = table.assign(name=[f'a, "b"\n{number}\n0,c' for number in range(len(table))])
    both = pd.concat([odd.assign(seed=1), odd])
    path.write_text(both.to_csv(index=False).rstrip(), encoding="utf-8")
    (record,) = RunView(experiment).records(final=True)
    assert record.files["evaluation/images.csv"].decode() == odd.to_csv(index=False).rstrip()
    path.write_text(odd.assign(seed=1).to_csv(index=False), encoding="utf-8")
    (record,) = RunView(experiment).records(final=True)
    assert record.files["evaluation/images.csv"].decode() == odd.head(0).to_csv(index=False)


def test_a_point_has_the_timestamp_of_its_training(public, public_run):
    run, status = public_run, public.run(NAME, 0).status()
    history = client_of(public).get_metric_history(run.info.run_id, "curve/train_loss")
    seconds = [metric.timestamp / 1000 - status.started for metric in history]
    np.testing.assert_allclose(seconds, public.run(NAME, 0).history()["seconds"], atol=0.002)


def test_points_that_arrived_before_a_crash_are_not_sent_again(experiment):
    view, history = RunView(experiment), experiment.run.history()
    connect(experiment.layout).update(
        replace(view.records(final=False)[0], state="running", points=pd.DataFrame({"step": [], "time": []}))
    )
    client, run = client_of(experiment.layout), runs_of(experiment.layout)[RUN]
    first = history.iloc[0]
    stamp = int(1000 * (experiment.run.status().started + first["seconds"]))
    client.log_batch(
        run.info.run_id, [Metric("curve/train_loss", float(first["train/loss"]), stamp, int(first["step"]))]
    )
    assert published(experiment).info.run_id == run.info.run_id
    for name in ("curve/train_loss", "curve/validation_loss"):
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, name)]
        assert sorted(steps) == history["step"].tolist()


def test_publishing_twice_leaves_one_run_with_one_model_and_each_point_once(experiment):
    first, second = published(experiment), published(experiment)
    assert first.info.run_id == second.info.run_id
    client = client_of(experiment.layout)
    for name in second.data.metrics:
        steps = [metric.step for metric in client.get_metric_history(second.info.run_id, name)]
        assert len(steps) == len(set(steps))
    assert len(client.search_logged_models([second.info.experiment_id])) == 1


def test_an_evaluation_is_added_to_the_run_that_is_there(experiment, evaluated):
    without_results(experiment.layout)
    first = published(experiment)
    assert "final/test_accuracy" not in first.data.metrics
    for folder in ("results", "out/evaluation"):
        shutil.copytree(evaluated.root / folder, experiment.layout.root / folder)
    second = published(experiment)
    assert second.info.run_id == first.info.run_id
    assert "final/test_accuracy" in second.data.metrics


def test_a_run_that_was_trained_again_elsewhere_replaces_the_first_with_its_weights_and_points(experiment):
    first = published(experiment)
    trained_again(experiment)
    second = published(experiment)
    assert second.data.tags["run_key"] == first.data.tags["run_key"]
    assert second.info.run_id != first.info.run_id
    assert second.data.params["device"] == "another GPU"
    history = client_of(experiment.layout).get_metric_history(second.info.run_id, "curve/train_loss")
    assert [metric.value for metric in history] == experiment.run.history()["train/loss"].tolist()
    assert second.outputs.model_outputs[0].model_id != first.outputs.model_outputs[0].model_id


def test_an_evaluation_of_the_earlier_training_is_not_shown_with_the_later_one(experiment):
    trained_again(experiment)
    assert "final/test_accuracy" not in published(experiment).data.metrics


def test_a_run_is_shown_as_it_was_trained_although_params_have_changed_since(experiment):
    config = experiment.run.config()
    settings = experiment.variant.settings.model_copy(update={"iterations": 9})
    edited = replace(experiment, variant=experiment.variant.model_copy(update={"settings": settings}))
    run = published(edited)
    assert run.data.params["iterations"] == str(config.settings["iterations"])
    assert len(run.outputs.model_outputs) == 1


def test_a_dataset_that_was_replaced_since_is_not_named_as_the_source(experiment):
    path = experiment.layout.source("mnist")
    path.write_text(json.dumps({"source": "published", "sha256": {"train": "0" * 64}}))
    assert published(experiment).data.tags["data_source"] == "unknown"


def test_published_data_are_shown_with_the_hash_that_dvc_has_of_them(experiment):
    path = experiment.layout.source("mnist")
    path.write_text(path.read_text().replace("stand-in", "published"))
    (experiment.layout.root / "data.dvc").write_text(
        "outs:\n- {md5: abc.dir, path: data/mnist}\n- {md5: def.dir, path: data/warwick}\n"
    )
    assert published(experiment).data.tags["dl4ia.dvc_data"] == "abc.dir"


def test_a_run_that_is_trained_is_running_whoever_publishes(experiment):
    run = published(with_status(experiment, state="running", process=this_process()))
    assert run.info.status == "RUNNING"
    assert "train_seconds" not in run.data.metrics


def test_a_run_whose_process_has_ended_is_stopped(experiment):
    run = published(with_status(experiment, state="running", process=GONE))
    assert (run.info.status, run.data.tags["state"]) == ("KILLED", "stopped")


def test_a_run_whose_process_and_files_are_gone_is_stopped(experiment):
    published(with_status(experiment, state="running", process=this_process()))
    client, run = client_of(experiment.layout), runs_of(experiment.layout)[RUN]
    client.set_tag(run.info.run_id, "dl4ia.process", GONE)
    shutil.rmtree(experiment.run.path)
    assert publish([], experiment.layout) == 0
    run = runs_of(experiment.layout)[RUN]
    assert (run.info.status, run.data.tags["state"]) == ("KILLED", "stopped")


def test_a_diverged_run_is_a_result_without_a_model(experiment):
    record = experiment.layout.result(NAME).record()
    of_seed = record.runs[0].model_copy(update={"state": "diverged", "trained": False})
    runs = record.model_copy(update={"runs": [of_seed, record.runs[1]]})
    (experiment.layout.result(NAME).path / "runs.json").write_text(runs.model_dump_json())
    run = published(with_status(experiment, state="diverged", error="the training loss is nan"))
    assert (run.info.status, run.data.tags["state"]) == ("FINISHED", "diverged")
    assert run.data.tags["error"] == "the training loss is nan"
    assert run.data.metrics["trained"] == 0
    assert not run.outputs.model_outputs


def test_a_failed_run_is_failed(experiment):
    run = published(with_status(experiment, state="failed", error="OutOfMemoryError: 1 TiB"))
    assert (run.info.status, run.data.tags["error"]) == ("FAILED", "OutOfMemoryError: 1 TiB")


def test_what_a_slow_server_created_twice_is_there_once(experiment):
    published(experiment)
    client, run = client_of(experiment.layout), runs_of(experiment.layout)[RUN]
    for _ in range(2):
        client.create_run(run.info.experiment_id, tags={"run_key": run.data.tags["run_key"]}, run_name=RUN)
    run = published(experiment)
    assert run.info.status == "FINISHED"
    assert len(client.search_logged_models([run.info.experiment_id])) == len(run.outputs.model_outputs) == 1


def test_a_model_that_was_sent_in_part_is_there_once(experiment):
    connect(experiment.layout).update(RunView(experiment).records(final=False)[0])
    client, run = client_of(experiment.layout), runs_of(experiment.layout)[RUN]
    client.create_logged_model(run.info.experiment_id, source_run_id=run.info.run_id)
    published(experiment)
    models = client.search_logged_models([run.info.experiment_id])
    assert [model.status for model in models] == ["READY"]


def test_an_ensemble_is_a_run_with_its_members_metrics_and_pictures(short, layout):
    assert publish([EnsembleView(ENSEMBLE, short.ensembles[ENSEMBLE], layout)], layout) == 1
    run = runs_of(layout)[ENSEMBLE]
    assert run.data.params["members"] == f"{NAME}/seed-0, {NAME}/seed-1"
    table = layout.result(ENSEMBLE).table("metrics").set_index(["part", "metric"])["value"]
    assert run.data.metrics["final/test_accuracy"] == table["test", "accuracy"]
    files = {entry.path for entry in client_of(layout).list_artifacts(run.info.run_id, "evaluation")}
    assert "evaluation/confusion-test.png" in files
    publish([EnsembleView(ENSEMBLE, short.ensembles[ENSEMBLE], layout)], layout)
    assert runs_of(layout)[ENSEMBLE].info.run_id == run.info.run_id


def test_an_ensemble_that_was_evaluated_again_has_the_new_metrics_alone(short, layout):
    view = EnsembleView(ENSEMBLE, short.ensembles[ENSEMBLE], layout)
    publish([view], layout)
    path = layout.result(ENSEMBLE).path / "metrics.csv"
    table = pd.read_csv(path).assign(value=0.25)
    table.to_csv(path, index=False)
    publish([view], layout)
    assert runs_of(layout)[ENSEMBLE].data.metrics["final/test_accuracy"] == 0.25


def test_views_are_the_runs_and_ensembles_that_are_on_disk(short, layout):
    names = [f"{NAME}/seed-0", f"{NAME}/seed-1", ENSEMBLE]
    assert [view.name for view in views(short, layout)] == names
    shutil.rmtree(layout.run(NAME, 1).path)
    shutil.rmtree(layout.evaluation(ENSEMBLE))
    assert [view.name for view in views(short, layout)] == names[:1]


@pytest.mark.parametrize("content", ['{"state": "fin', "{}", '{"state": "asleep"}'])
def test_a_damaged_run_keeps_no_other_from_being_published(short, layout, content):
    (layout.run(NAME, 0).path / "status.json").write_text(content)
    with pytest.raises(UserError) as caught:
        publish(views(short, layout), layout)
    assert str(caught.value).startswith(f"2 runs and studies were published, not these: {NAME}/seed-0: {layout.root}")
    assert "status.json" in str(caught.value)
    assert set(runs_of(layout)) == {f"{NAME}/seed-1", ENSEMBLE}


def test_settings_that_this_version_does_not_know_are_refused_in_one_line(experiment):
    config = experiment.run.config()
    experiment.run.write_config(config.model_copy(update={"settings": config.settings | {"warmth": 3}}))
    with pytest.raises(RunError, match=r"config.json: settings of another version .*warmth.*dvc repro") as caught:
        RunView(experiment).records(final=False)
    assert "\n" not in str(caught.value)


def test_results_of_an_ensemble_that_list_no_run_are_refused(short, layout):
    path = layout.result(ENSEMBLE).path / "runs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"runs": []}))
    with pytest.raises(RunError, match=r"runs.json: expected one run, got 0; delete"):
        EnsembleView(ENSEMBLE, short.ensembles[ENSEMBLE], layout).records(final=True)


def test_the_page_of_a_group_shows_the_metrics_that_matter_with_the_seeds_of_a_variant_together(public):
    client = client_of(public)
    experiment = client.get_experiment_by_name(GROUP)
    assert experiment.tags["mlflow.note.content"].startswith("MNIST: a run for each variant and seed")
    address = connect(public)._experiments
    address.id_of(group_of(TASKS["mnist"]))
    page, query = address.pages[GROUP].split("?")
    assert page == f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs"
    key = dict(word.split("=") for word in query.split("&"))["viewStateShareKey"]
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
    kind, packed = view["state"].split(";")
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert kind == "deflate"
    assert state["orderByKey"] == "metrics.`final/test_accuracy`"
    assert state["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "variant"}]
    (run, *_) = runs_of(public).values()
    columns = {f"metrics.`{name}`" for name in run.data.metrics} | {f"tags.`{name}`" for name in run.data.tags}
    assert set(state["selectedColumns"]) <= columns


@pytest.mark.slow
def test_the_addresses_of_all_pages_can_be_printed_without_publishing(public):
    command = [sys.executable, "-m", "dl4ia.tracking.mlflow"]
    environment = {**os.environ, "PORT": "7001"}
    ended = subprocess.run(command, check=False, cwd=public.root, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    number = client_of(public).get_experiment_by_name(GROUP).experiment_id
    query = "workflowType=machine_learning&viewStateShareKey=overview"
    assert ended.stdout == f"{GROUP}: http://127.0.0.1:7001/#/experiments/{number}/runs?{query}\n"
    assert ended.stderr == ""
