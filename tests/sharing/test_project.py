"""The project shared through S3: a second machine compares all runs, and trains nothing."""

import pytest
from mlflow import MlflowClient

from tests.end_to_end.conftest import SEEDS, TRIALS
from tests.sharing.conftest import s3_remote

pytestmark = pytest.mark.system


@pytest.mark.usefixtures("s3")
def test_a_second_machine_publishes_all_runs_and_trains_nothing(request, reproduced, tmp_path):
    owner, remote = reproduced.copy(tmp_path / "owner"), s3_remote(request, "whole-project")
    owner.run("dl4ia", "share", remote.address)
    owner.commit("Share")
    clone = owner.clone(tmp_path / "another" / "place")
    assert "outputs are as in dvc.lock" in clone.run("dl4ia", "fetch").stdout
    assert clone.repro() == []
    assert clone.results() == owner.results()
    clone.run("dl4ia", "publish")
    client = MlflowClient(f"sqlite:///{clone.root}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert len(runs) == TRIALS + 1 + sum(map(len, SEEDS.values()))
    assert {run.info.status for run in runs} == {"FINISHED"}
