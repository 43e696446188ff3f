"""The README shows the committed results, and its commands are what it says."""

import subprocess

import pandas as pd
import pytest

from dl4ia.report.shown import figure
from dl4ia.report.tables import SCORE, TEST
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
FAULTS = pd.read_csv(ROOT / "results" / "faults.csv", index_col="fault")
AT_LEAST = {"training": 20, "search": 20, "dvc repro": 20, "tracking outage": 5, "bad input": 500}
SUMMARY = pd.read_csv(ROOT / "results" / "summary.csv", dtype={"exercise": str})


def row_of(row: pd.Series) -> str:
    """Return a variant's line of the README's table."""
    reported = "–" if pd.isna(row["reported"]) else f"{row['reported']:.3f}"
    validation = figure(row, f"validation_{SCORE[row['task']]}").split(" [")[0]
    learned = f"{row['learned']} of {row['seeds']}"
    test = figure(row, TEST[row["task"]])
    return f"| {row['variant']} | {row['exercise']} | {reported} | {test} | {validation} | {learned} |"


def test_the_table_is_that_of_the_results():
    missing = [line for line in map(row_of, (row for _, row in SUMMARY.iterrows())) if line not in README]
    assert not missing, "README.md: expected these rows:\n" + "\n".join(missing)


def test_every_variant_has_results(params):
    assert SUMMARY["variant"].tolist() == [*params.variants, *params.searched]
    for name, variant in params.variants.items():
        runs = SUMMARY.set_index("variant").loc[name]
        assert runs["seeds"] == len(variant.settings.seeds)


def test_every_study_has_results(params):
    trials = pd.read_csv(ROOT / "results" / "trials.csv")
    assert trials.columns[:5].tolist() == ["study", "trial", "state", "value", "seconds"]
    for name, study in params.studies.items():
        mine = trials[trials["study"] == name]
        assert len(mine) >= study.trials
        if study.sampler.kind == "grid":
            points = sorted(map(tuple, mine.loc[mine["state"] == "complete", list(study.space)].to_numpy().tolist()))
            assert points == sorted(tuple(point.values()) for point in study.grid())


def test_everything_that_was_inflicted_was_survived():
    assert (FAULTS["tried"] >= FAULTS.index.map(AT_LEAST)).all()
    assert set(FAULTS.index) == set(AT_LEAST)
    assert (FAULTS["survived"] == FAULTS["tried"]).all()
    assert not FAULTS["points_lost"].any()
    for fault, row in FAULTS.iterrows():
        assert f"| {fault} | {row['tried']} | {row['survived']} | {row['points_lost']} | {row['note']} |" in README


def test_results_are_of_the_real_data():
    assert "stand-in" not in (ROOT / "results" / "source.json").read_text()


@pytest.mark.parametrize("target", ["ui", "demo-ui", "dashboard"])
def test_servers_listen_on_this_machine_alone(target):
    told = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (server,) = [line for line in told.splitlines() if "--port" in line]
    assert "--host 127.0.0.1" in server
