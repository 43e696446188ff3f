"""Studies in MLflow: a run of the study, and under it one of each trial."""

import shutil

import pytest

from dl4ia.analysis.searches import search_result
from dl4ia.base.errors import RunError, UserError
from dl4ia.config import flat
from dl4ia.execution.processes import this_process
from dl4ia.runs.layout import Layout
from dl4ia.tracking.live import publish
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.studies import StudyView
from tests.search.conftest import run as search
from tests.tracking.conftest import client_of, runs_of
from tests.tracking.samples import GONE

GROUP = "warwick-segmentation-search"
SCORE = "final/validation_dice"


def published(view):
    """Return the run of a study and those of its trials, published."""
    assert publish([view], view.layout) == 1
    return split(runs_of(view.layout, GROUP), view)


def split(runs, view):
    parent = runs.pop(view.name)
    return parent, {int(run.data.tags["trial"]): run for run in runs.values()}


def trials_of(view):
    return view.layout.study(view.name).table("trials").set_index("trial")


def curve(view, run, name="curve/best_value"):
    return [(metric.step, metric.value) for metric in client_of(view.layout).get_metric_history(run.info.run_id, name)]


@pytest.fixture(scope="session")
def public(tmp_path_factory, searched, empty):
    """The study, published, to be read."""
    root = tmp_path_factory.mktemp("public-study") / "copy"
    shutil.copytree(searched.layout.root, root)
    shutil.copyfile(empty, root / "mlflow.db")
    view = StudyView("study", searched.study, Layout(root))
    published(view)
    return view


@pytest.fixture
def runs(public):
    return split(runs_of(public.layout, GROUP), public)


def test_each_trial_is_a_run_under_its_study_and_states_are_kept_apart(public, runs):
    parent, children = runs
    trials = trials_of(public)
    assert {"complete", "pruned", "failed"} == set(trials["state"])
    statuses = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    assert {number: run.info.status for number, run in children.items()} == trials["state"].map(statuses).to_dict()
    for number, run in children.items():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params["optimizer.learning_rate"] == str(trials.loc[number, "optimizer.learning_rate"])
        assert {"curve/train_loss", "curve/validation_dice"} <= set(run.data.metrics) or run.info.status == "FAILED"
        assert (
            run.data.metrics.get(SCORE) == trials["value"].astype(object).where(trials["value"].notna(), None)[number]
        )
    failed = next(run for run in children.values() if run.info.status == "FAILED")
    assert failed.data.tags["error"].startswith("DivergedError")


def test_the_study_has_its_best_value_over_the_trials_that_have_ended(public, runs):
    trials = trials_of(public)
    ended = trials.assign(ended=trials["started"] + trials["seconds"]).sort_values("ended", ignore_index=True)
    complete = ended[ended["state"] == "complete"]
    assert curve(public, runs[0]) == list(zip(complete.index + 1, complete["value"].cummax(), strict=True))
    assert curve(public, runs[0], "curve/value") == list(zip(complete.index + 1, complete["value"], strict=True))
    assert runs[0].data.metrics["curve/best_value"] == trials["value"].max()


def test_the_study_has_its_tables_and_its_space(public, runs):
    parent, _ = runs
    files = {entry.path for entry in client_of(public.layout).list_artifacts(parent.info.run_id)}
    assert files == {"best.yaml", "trials.csv", "curves.csv", "importances.csv"}
    assert parent.info.status == "FINISHED"
    assert parent.data.params["space.network.width"] == "4, 2"
    assert parent.data.params["sampler.kind"] == "grid"
    assert parent.data.tags["mlflow.source.name"] == "dl4ia search study"


def test_curves_of_a_trial_are_means_over_its_folds(public, runs):
    number, run = next(item for item in runs[1].items() if item[1].info.status == "FINISHED")
    table = public.layout.study(public.name).table("curves")
    expected = table[table["trial"] == number].groupby("step")["validation/dice"].mean()
    assert curve(public, run, "curve/validation_dice") == list(expected.items())


def test_complete_trials_have_the_share_of_their_networks_that_trained(public, runs):
    result = search_result(public.name, public.study, public.layout.study(public.name))
    shares = (result.complete["trained"] / result.complete["networks"]).set_axis(result.complete["trial"])
    trained = {number: run.data.metrics["trained"] for number, run in runs[1].items() if "trained" in run.data.metrics}
    assert trained == shares.to_dict()


def test_parameters_are_named_as_those_of_variants(params, runs):
    settings = flat(params.variant("warwick-combined").settings.deciding)
    known = settings.keys() | {"optimizer.momentum", "study", "seed"}
    assert all(set(run.data.params) <= known for run in runs[1].values())


def test_publishing_twice_leaves_each_trial_and_each_point_once(study):
    before, after = published(study), published(study)
    assert after[0].info.run_id == before[0].info.run_id
    assert {run.info.run_id for run in after[1].values()} == {run.info.run_id for run in before[1].values()}
    complete = next(run for run in after[1].values() if run.info.status == "FINISHED")
    for name in ("curve/train_loss", SCORE):
        steps = [step for step, _ in curve(study, complete, name)]
        assert len(steps) == len(set(steps))


def test_trials_that_end_later_are_added(study):
    directory = study.layout.study(study.name)
    trials = directory.table("trials")
    directory.write_table("trials", trials.head(3))
    first, few = published(study)
    directory.write_table("trials", trials)
    second, all_of_them = published(study)
    assert (len(few), len(all_of_them)) == (3, len(trials))
    assert second.info.run_id == first.info.run_id
    assert curve(study, second)[-1][1] == trials["value"].max()


def test_a_study_that_is_searched_is_running_and_one_that_was_abandoned_is_stopped(study):
    directory = study.layout.study(study.name)
    directory.write_status(directory.status().model_copy(update={"state": "running", "process": this_process()}))
    assert published(study)[0].info.status == "RUNNING"
    directory.write_status(directory.status().model_copy(update={"process": GONE}))
    assert published(study)[0].info.status == "KILLED"


def test_a_trial_that_was_sent_in_part_is_completed(study):
    _, children = published(study)
    client = client_of(study.layout)
    number, complete = next(item for item in children.items() if item[1].info.status == "FINISHED")
    client.delete_run(complete.info.run_id)
    tags = {"run_key": complete.data.tags["run_key"]}
    again = client.create_run(complete.info.experiment_id, complete.info.start_time, tags, complete.info.run_name)
    run = published(study)[1][number]
    assert run.info.run_id == again.info.run_id
    assert run.data.metrics == complete.data.metrics
    assert run.data.params == complete.data.params
    assert run.info.status == "FINISHED"


def test_a_study_that_was_searched_again_later_began_with_its_first_trial(study):
    search(study.study, study.layout)  # finds nothing left to do
    trials = trials_of(study)
    assert study.layout.study(study.name).status().started > trials["started"].min()
    parent, _ = published(study)
    assert parent.info.start_time == int(1000 * trials["started"].min())
    assert parent.info.start_time < parent.info.end_time


def test_a_study_without_trials_is_shown(study):
    directory = study.layout.study(study.name)
    for name in ("trials", "curves"):
        directory.write_table(name, directory.table(name).head(0))
    parent, children = published(study)
    assert children == {}
    assert "curve/best_value" not in parent.data.metrics


def test_a_trial_whose_point_is_not_known_is_shown(study):
    directory = study.layout.study(study.name)
    trials = directory.table("trials")
    trials.loc[0, [*study.study.space, "value", "started", "seconds"]] = float("nan")
    trials.loc[0, ["state", "error"]] = "failed", "interrupted"
    directory.write_table("trials", trials)
    run = published(study)[1][trials.loc[0, "trial"]]
    assert (run.info.status, run.data.tags["error"]) == ("FAILED", "interrupted")
    assert set(run.data.params) == {"study", "seed"}


def test_a_table_with_a_state_that_there_is_not_is_refused(study):
    directory = study.layout.study(study.name)
    directory.write_table("trials", directory.table("trials").replace({"state": {"complete": "won"}}))
    with pytest.raises(RunError, match=r"trials.csv: column 'state': got 'won', expected complete, pruned, failed"):
        study.records(final=True)
    with pytest.raises(UserError, match="study: .*trials.csv"):
        publish([study], study.layout)


def test_a_study_is_followed_with_few_calls(study, monkeypatch):
    tracker = connect(study.layout)
    for record in study.records(final=False):
        tracker.update(record)
    monkeypatch.setattr(tracker, "_client", None)
    for record in study.records(final=False):
        tracker.update(record)  # all is known


def test_best_values_have_the_time_at_which_their_trial_ended(study):
    (parent, *_) = study.records(final=False)
    trials = trials_of(study)
    assert parent.ended == pytest.approx((trials["started"] + trials["seconds"]).max())
    assert parent.points["time"].is_monotonic_increasing
