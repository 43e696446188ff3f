import logging
import platform
import shutil
import time

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Metric

from dl4ia.data.imageset import ImageSet
from dl4ia.errors import UserError
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import Experiment, Normalization, experiments, network_for
from dl4ia.tracking.client import connect, milliseconds
from dl4ia.tracking.live import Live
from dl4ia.tracking.live import publish as publish_views
from dl4ia.tracking.runs import RunView, _create
from dl4ia.train import train
from tests.conftest import shortened
from tests.tracking.conftest import NAME

GONE = f"{platform.node()}/999999999/0.00"  # a process that is no more


def publish(experiment) -> MlflowClient:
    assert publish_views([RunView(experiment)], experiment.layout) == 1
    return MlflowClient(f"sqlite:///{experiment.layout.root}/mlflow.db")


def shown(client):
    found = client.get_experiment_by_name("mnist-classification")
    return [client.get_run(run.info.run_id) for run in client.search_runs([found.experiment_id])]


def test_a_run_is_shown_with_all_there_is_to_know(evaluated):
    client = publish(evaluated)
    (run,) = shown(client)
    assert run.info.run_name == "mnist-fc/seed-0"
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.kind"] == "adam"
    assert run.data.params["weights"] == "66320"
    assert run.data.tags["exercise"] == "1.1"
    assert run.data.tags["data_source"] == "stand-in"
    assert run.data.tags["run_key"] == evaluated.run.key
    assert {"train/loss", "validation/accuracy", "test/accuracy", "final/train/accuracy"} <= set(run.data.metrics)
    assert run.inputs.dataset_inputs[0].dataset.name == "MNIST"
    assert len(run.outputs.model_outputs) == 1
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "evaluation")}
    assert {"evaluation/confusion-test.png", "evaluation/confusion-test.csv", "evaluation/examples.png"} <= artifacts


def test_publishing_twice_leaves_one_run_and_each_point_once(evaluated):
    publish(evaluated)
    client = publish(evaluated)
    (run,) = shown(client)
    history = client.get_metric_history(run.info.run_id, "validation/loss")
    assert [metric.step for metric in history] == evaluated.run.history["step"].tolist()
    assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == 1
    assert len(run.outputs.model_outputs) == 1


def test_what_came_later_is_added_to_the_same_run(experiment):
    client = publish(experiment)
    assert "test/accuracy" not in shown(client)[0].data.metrics
    evaluate_variant(NAME, experiment.variant, experiment.layout)
    publish(experiment)
    (run,) = shown(client)
    assert "test/accuracy" in run.data.metrics


def test_points_that_got_through_before_a_crash_are_not_sent_again(experiment):
    client = connect(experiment.layout)
    run = _create(client, experiment, experiment.run.status)
    first = experiment.run.history.iloc[0]
    stamp = milliseconds(experiment.run.status["started"] + first["seconds"])
    client.log_batch(run.info.run_id, [Metric("train/loss", float(first["train/loss"]), stamp, int(first["step"]))])
    publish(experiment)
    for name in ("train/loss", "validation/loss"):
        history = client.get_metric_history(run.info.run_id, name)
        assert sorted(metric.step for metric in history) == experiment.run.history["step"].tolist()
    (run,) = shown(client)
    assert run.data.params["weights"] == "66320"
    assert len(run.inputs.dataset_inputs) == 1


def test_figures_that_got_through_before_a_crash_are_there_once(evaluated):
    client = publish(evaluated)
    (run,) = shown(client)
    client.delete_tag(run.info.run_id, "evaluation")
    publish(evaluated)
    assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == 1


def test_a_curve_in_pieces_has_the_timestamps_of_the_training(experiment):
    client = publish(experiment)
    (run,) = shown(client)
    history = client.get_metric_history(run.info.run_id, "train/loss")
    seconds = [(metric.timestamp - 1000 * experiment.run.status["started"]) / 1000 for metric in history]
    np.testing.assert_allclose(seconds, experiment.run.history["seconds"], atol=0.002)


def test_the_model_takes_raw_images_and_gives_the_networks_logits(experiment, layout):
    client = publish(experiment)
    (run,) = shown(client)
    mlflow.set_tracking_uri(f"sqlite:///{layout.root}/mlflow.db")
    model = mlflow.pytorch.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
    images = ImageSet.load(layout.dataset("mnist", "test")).images[:5]
    network = network_for(experiment.variant).eval()
    network.load_state_dict(experiment.run.weights)
    standard = Normalization(**experiment.run.config["normalization"]).apply(images)
    torch.testing.assert_close(model(torch.from_numpy(images).float()), network(standard))


def test_runs_are_shown_while_they_train(params, layout):
    experiment = Experiment(NAME, shortened(params.variant(NAME)), 0, layout)
    with Live(layout) as live:
        train(experiment, lambda progress: live(RunView(progress.experiment)))
    client = MlflowClient(f"sqlite:///{layout.root}/mlflow.db")
    (run,) = shown(client)
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 2


def test_following_takes_a_hundredth_of_a_core_and_no_pause_is_waited_for_at_the_end(layout):
    followed, published = [], []

    class View:
        path = layout.root

        def follow(self, _):
            followed.append(None)
            until = time.thread_time() + 0.05
            while time.thread_time() < until:
                pass

        def publish(self, _):
            published.append(None)

    with Live(layout) as live:
        while not followed:
            live(View())
            time.sleep(0.01)
        for _ in range(200):
            live(View())
            time.sleep(0.01)
        assert len(followed) == 1  # and not again before five seconds are over
        ended = time.monotonic()
    assert len(published) == 1
    assert time.monotonic() - ended < 1


class Sent:
    """Something that MLflow takes some seconds for."""

    def __init__(self, path, seconds):
        self.path, self.seconds, self.published = path, seconds, False

    def follow(self, _):
        pass

    def publish(self, _):
        time.sleep(self.seconds)
        self.published = True


def test_a_server_that_gets_on_is_waited_for_and_one_that_is_slow_is_not(layout, monkeypatch, caplog):
    connect(layout)
    monkeypatch.setattr("dl4ia.tracking.live._PATIENCE", 2)
    views = [Sent(layout.root / str(number), 1.2) for number in range(3)]
    with Live(layout) as live:
        for view in views:
            live(view)
    assert all(view.published for view in views)
    assert not caplog.records
    with Live(layout) as live:
        live(Sent(layout.root, 60))
        started = time.monotonic()
    assert time.monotonic() - started < 10
    (record,) = caplog.records
    assert record.getMessage().endswith("takes too long: `make publish` sends the rest")


def test_a_run_that_is_being_trained_is_running_whoever_publishes(experiment):
    experiment.run.write_status(experiment.run.status | {"state": "running"})
    client = connect(experiment.layout)
    RunView(experiment).follow(client)
    publish(experiment)
    assert shown(client)[0].info.status == "RUNNING"


def test_a_run_whose_process_is_gone_is_killed(experiment):
    experiment.run.write_status(experiment.run.status | {"state": "running", "process": GONE})
    assert shown(publish(experiment))[0].info.status == "KILLED"


def test_a_run_whose_process_and_files_are_gone_is_killed(experiment):
    experiment.run.write_status(experiment.run.status | {"state": "running", "process": GONE})
    client = connect(experiment.layout)
    RunView(experiment).follow(client)
    assert shown(client)[0].info.status == "RUNNING"
    shutil.rmtree(experiment.run.path)
    assert publish_views([], experiment.layout) == 0
    assert shown(client)[0].info.status == "KILLED"


def test_what_a_slow_server_created_twice_is_there_once(experiment):
    client = connect(experiment.layout)
    for _ in range(2):
        _create(client, experiment, experiment.run.status)
    publish(experiment)
    (run,) = shown(client)
    assert run.info.status == "FINISHED"
    assert len(run.outputs.model_outputs) == 1


def test_a_model_that_was_sent_in_part_is_there_once(experiment):
    client = connect(experiment.layout)
    run = _create(client, experiment, experiment.run.status)
    client.create_logged_model(run.info.experiment_id, source_run_id=run.info.run_id)
    publish(experiment)
    models = client.search_logged_models([run.info.experiment_id])
    assert [model.status for model in models] == ["READY"]


def test_a_failed_run_is_shown_as_failed(experiment):
    experiment.run.write_status(experiment.run.status | {"state": "failed"})
    assert shown(publish(experiment))[0].info.status == "FAILED"


def test_a_server_that_is_gone_is_said_once_and_costs_the_training_nothing(params, layout, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    variant = shortened(params.variant(NAME), seeds=(0, 1), iterations=10)
    with caplog.at_level(logging.WARNING, "dl4ia"), Live(layout) as live:
        for experiment in experiments(NAME, variant, layout):
            train(experiment, lambda progress: live(RunView(progress.experiment)))
    assert all(experiment.run.finished for experiment in experiments(NAME, variant, layout))
    warnings = [record for record in caplog.records if record.name.startswith("dl4ia")]
    assert len(warnings) == 1
    assert "`make publish` catches up" in warnings[0].getMessage()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9", "ConnectionRefusedError"),
        ("localhost:5000", "unsupported URI 'localhost:5000'"),
        ("sqlite:///{root}/params.yaml", "DatabaseError: file is not a database"),
    ],
)
def test_asking_for_a_server_that_is_not_there_is_an_error_that_says_why(experiment, monkeypatch, address, reason):
    (experiment.layout.root / "params.yaml").write_text("no database\n" * 1000)
    address = address.format(root=experiment.layout.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError) as caught:
        publish_views([RunView(experiment)], experiment.layout)
    assert str(caught.value).startswith(f"MLflow at {address} did not take it all (")
    assert reason in str(caught.value)
