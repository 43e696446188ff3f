import pytest
from mlflow import MlflowClient

from dl4ia import config
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from dl4ia.tracking.client import connect
from dl4ia.tracking.live import publish
from dl4ia.tracking.studies import StudyView
from tests.search.conftest import _here, small
from tests.tracking.test_runs import GONE


@pytest.fixture
def view(params, layout, monkeypatch) -> StudyView:
    """A study some of whose trials fail, and some of whose trials are stopped."""
    monkeypatch.setattr("dl4ia.search.run.run_side_by_side", _here)
    folds = config.OnFolds(kind="folds", strategy="random", folds=2)
    study = params.studies["joint"]
    space = {
        "network.width": config.Choices(kind="choices", choices=(4, 3, 2)),
        "optimizer.learning_rate": config.Choices(kind="choices", choices=(0.03, 1e30, 0.01)),
    }
    pruner = study.pruner.model_copy(update={"startup": 1})
    study = small(study, space=space, trials=9, sampler=config.Grid(kind="grid"), pruner=pruner, objective=folds)
    run_study("study", study, layout, default_url(layout), 1, lambda _: None)
    return StudyView("study", study, layout)


def shown(view, client=None):
    client = client or MlflowClient(f"sqlite:///{view.layout.root}/mlflow.db")
    found = client.get_experiment_by_name("warwick-segmentation")
    runs = [client.get_run(run.info.run_id) for run in client.search_runs([found.experiment_id])]
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    return parent, {int(run.data.tags["trial"]): run for run in runs if run is not parent}


def test_each_trial_is_a_run_under_its_study_and_its_state_is_told_apart(view):
    publish([view], view.layout)
    parent, children = shown(view)
    trials = view.layout.study("study").table("trials").set_index("trial")
    assert {"complete", "pruned", "failed"} == set(trials["state"])
    statuses = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    assert {number: run.info.status for number, run in children.items()} == trials["state"].map(statuses).to_dict()
    for number, run in children.items():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["state"] == trials.loc[number, "state"]
        assert run.data.params["optimizer.learning_rate"] == str(trials.loc[number, "optimizer.learning_rate"])
        if trials.loc[number, "state"] == "complete":
            assert run.data.metrics["final/validation/dice"] == trials.loc[number, "value"]
            assert {"train/loss", "validation/dice"} <= set(run.data.metrics)
    assert "DivergedError" in next(run for run in children.values() if run.info.status == "FAILED").data.tags["error"]


def test_the_study_has_the_pictures_and_the_best_value(view):
    publish([view], view.layout)
    parent, _ = shown(view)
    client = MlflowClient(f"sqlite:///{view.layout.root}/mlflow.db")
    artifacts = {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    assert {"best.yaml", "trials.csv", "history.png", "importances.png", "slices.png"} <= artifacts
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["final/validation/dice"] == view.layout.study("study").table("trials")["value"].max()
    assert parent.data.params["space.network.width"] == "4, 3, 2"


def test_parameters_are_named_as_those_of_variants(view, params):
    publish([view], view.layout)
    _, children = shown(view)
    settings = config.flat(params.variants["warwick-combined"].settings.model_dump(mode="json"))
    known = settings.keys() | {"optimizer.momentum", "variant", "seed"}
    assert all(set(run.data.params) <= known for run in children.values())


def test_publishing_twice_leaves_each_trial_and_each_point_once(view):
    publish([view], view.layout)
    before = shown(view)
    publish([view], view.layout)
    parent, children = shown(view)
    assert parent.info.run_id == before[0].info.run_id
    assert {run.info.run_id for run in children.values()} == {run.info.run_id for run in before[1].values()}
    client = MlflowClient(f"sqlite:///{view.layout.root}/mlflow.db")
    complete = next(run for run in children.values() if run.info.status == "FINISHED")
    for name in ("train/loss", "final/validation/dice"):
        steps = [metric.step for metric in client.get_metric_history(complete.info.run_id, name)]
        assert len(steps) == len(set(steps))


def test_a_study_that_is_being_searched_is_running_and_one_that_was_left_is_killed(view):
    directory = view.layout.study("study")
    directory.write_status(directory.status | {"state": "running"})
    client = connect(view.layout)
    publish([view], view.layout)
    assert shown(view, client)[0].info.status == "RUNNING"
    directory.write_status(directory.status | {"process": GONE})
    publish([view], view.layout)
    assert shown(view, client)[0].info.status == "KILLED"


def test_a_trial_that_was_sent_in_part_is_completed(view):
    publish([view], view.layout)
    client = MlflowClient(f"sqlite:///{view.layout.root}/mlflow.db")
    _, children = shown(view)
    complete = next(run for run in children.values() if run.info.status == "FINISHED")
    client.delete_run(complete.info.run_id)
    tags = {key: value for key, value in complete.data.tags.items() if key != "sent" and not key.startswith("mlflow.r")}
    again = client.create_run(complete.info.experiment_id, complete.info.start_time, tags)
    publish([view], view.layout)
    _, children = shown(view)
    run = children[int(complete.data.tags["trial"])]
    assert run.info.run_id == again.info.run_id
    assert run.data.metrics == complete.data.metrics
    assert run.data.params == complete.data.params
    assert run.info.status == "FINISHED"
