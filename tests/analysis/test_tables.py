from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dl4ia.analysis.tables import Result, headline_metrics, metrics_table, results, runs_table, summary_table
from dl4ia.base.errors import RunError
from dl4ia.config import Params
from dl4ia.runs.layout import Layout
from dl4ia.tasks import TASKS
from tests.analysis.made_up import Run, working_copy, write_variant

Copy = tuple[Params, Layout]
Read = dict[str, Result]


def test_the_summary_has_the_columns_that_others_read(read: Read) -> None:
    first = ["variant", "task", "exercise", "seeds", "trained", "weights", "parameters", "train_seconds"]
    metrics = ["test_accuracy", "validation_accuracy", "train_accuracy", "test_a_dice", "test_b_dice",
               "validation_dice", "train_dice", "test_a_dice_pooled"]  # fmt: skip
    spread = [f"{metric}_{part}" for metric in metrics for part in ("mean", "sd", "low", "high")]
    assert summary_table(list(read.values())).columns.tolist() == [*first, *spread, "reported", "group", "champion"]


def test_every_run_is_in_the_table_of_runs_however_it_ended(read: Read) -> None:
    runs = runs_table(list(read.values())).set_index(["variant", "seed"])
    assert runs.loc[("glands-listed", 4), "state"] == "diverged"
    assert runs.loc["glands-listed"]["trained"].tolist() == [True, True, False, False, False]
    assert runs.loc[("glands-listed", 4), "error"] == "the training loss is nan after 700 iterations"
    assert runs.loc[("glands-patient", 0), "git_commit"] == "f" * 40 + "-dirty"
    assert runs.loc[("glands-ensemble", 0), "members"].startswith("glands-start/seed-0 glands-start/seed-1")


def test_means_are_over_runs_that_trained_and_all_runs_are_counted(read: Read) -> None:
    row = summary_table(list(read.values())).set_index("variant").loc["glands-listed"]
    assert (row["seeds"], row["trained"]) == (5, 2)
    assert row["test_a_dice_mean"] == pytest.approx((0.776 + 0.775) / 2)
    assert (row["test_a_dice_low"], row["test_a_dice_high"]) == (0.775, 0.776)
    assert row["train_seconds"] == pytest.approx(21.5)
    assert row["reported"] == 0.789


def test_a_variant_of_which_no_run_trained_has_a_row_without_scores(read: Read) -> None:
    row = summary_table(list(read.values())).set_index("variant").loc["glands-l2"]
    assert (row["seeds"], row["trained"]) == (3, 0)
    assert row.filter(like="dice").isna().all()
    assert np.isnan(row["train_seconds"])


def test_every_metric_of_every_finished_run_is_in_the_long_table(read: Read) -> None:
    table = metrics_table(list(read.values()))
    assert table.columns.tolist() == ["variant", "seed", "part", "metric", "value"]
    dead = table[(table["variant"] == "glands-listed") & (table["metric"] == "dice") & (table["part"] == "test_a")]
    assert dict(zip(dead["seed"], dead["value"], strict=True)) == {0: 0.776, 1: 0.775, 2: 0.0, 3: 0.0}


def test_a_task_has_scores_of_all_its_parts_in_the_summary() -> None:
    assert headline_metrics(TASKS["mnist"]) == ["test_accuracy", "validation_accuracy", "train_accuracy"]


def test_what_was_not_run_yet_is_left_out(copy: Copy, every: Read) -> None:
    params, _ = copy
    assert set(params.rows) - set(every) == {"glands-later"}


def test_nothing_at_all_is_an_error_that_says_what_to_run(copy: Copy, tmp_path: Path) -> None:
    params, _ = copy
    with pytest.raises(RunError, match="no variant has been evaluated yet: run `dvc repro`"):
        results(params, Layout(tmp_path))


def test_a_table_edited_by_hand_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    params, layout = working_copy(tmp_path)
    path = layout.result("glands-start").path / "metrics.csv"
    path.write_text(path.read_text().replace("value", "valeu"))
    with pytest.raises(RunError, match=r"glands-start/metrics.csv: column 'value' is missing"):
        results(params, layout)


def test_a_variant_whose_runs_all_diverged_has_a_row(copy: Copy, tmp_path: Path) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_variant(params, layout, "glands-wide", [Run(state="diverged"), Run(state="diverged")])
    (row,) = summary_table(results(params, layout)).to_dict(orient="records")
    assert (row["seeds"], row["trained"]) == (2, 0)
    assert pd.isna(row["test_a_dice_mean"])
