"""README.md and docs/ state what is committed, and commands are what they say; generated tables: tests/report/."""

import subprocess
from functools import cache

import pandas as pd
import pytest

from dl4ia import config
from dl4ia.analysis.searches import search_result
from dl4ia.runs.layout import Layout
from tests.conftest import ROOT

RERUNS = (ROOT / "docs" / "reruns.md").read_text(encoding="utf-8")
FAULTS = pd.read_csv(ROOT / "results" / "faults.csv", index_col="fault")
AT_LEAST = {
    "training": 20, "search": 20, "dvc repro": 20, "tracking outage": 5, "bad input": 4000, "field cases": 60
}  # fmt: skip
RECORDS = sorted((ROOT / "results").glob("*/runs.json"))


@cache
def experiments():
    return config.load(ROOT / "params.yaml", ROOT)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.parent.name)
def test_committed_results_are_of_all_runs_of_a_clean_commit(path):
    record = Layout(ROOT).result(path.parent.name).record()
    variants = experiments().variants
    if record.name in variants:
        assert [run.seed for run in record.runs] == list(variants[record.name].settings.seeds)
    assert not [run.git_commit for run in record.runs if run.git_commit.endswith("-dirty")]


@pytest.mark.parametrize("name", sorted(experiments().studies))
def test_committed_studies_are_those_of_params_yaml(name):
    study, directory = experiments().studies[name], Layout(ROOT).study(name)
    search = search_result(name, study, directory)
    assert search is not None
    assert len(search.trials) >= study.trials
    complete = directory.table("curves").merge(search.complete[["trial"]])
    assert {*complete.groupby(["trial", "fold"])["step"].max()} == {study.iterations}


def test_committed_results_are_of_the_real_data():
    assert "stand-in" not in (ROOT / "results" / "source.json").read_text(encoding="utf-8")


def test_every_fault_that_was_inflicted_was_survived():
    assert (FAULTS["tried"] >= FAULTS.index.map(AT_LEAST)).all()
    assert set(FAULTS.index) == set(AT_LEAST)
    assert (FAULTS["survived"] == FAULTS["tried"]).all()
    assert not FAULTS["points_lost"].any()
    for fault, row in FAULTS.iterrows():
        assert f"| {fault} | {row['tried']} | {row['survived']} | {row['points_lost']} | {row['note']} |" in RERUNS


@pytest.mark.parametrize("target", ["ui", "demo-ui", "dashboard", "demo-dashboard"])
def test_servers_listen_on_this_machine_alone(target):
    commands = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    servers = [line for line in commands.splitlines() if "--port" in line]
    assert servers
    assert all("--host 127.0.0.1" in server for server in servers)
