from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dl4ia.analysis.searches import SearchResult, search_result, trials_table
from dl4ia.base.errors import RunError
from dl4ia.config import Params
from dl4ia.config.studies import BestOf
from dl4ia.outcomes import searched_line
from dl4ia.report import sentences
from dl4ia.report.plots.studies import study_figures
from dl4ia.runs.layout import Layout
from tests.analysis.made_up import write_studies

Copy = tuple[Params, Layout]


def read_study(name: str, params: Params, layout: Layout) -> SearchResult:
    search = search_result(name, params.studies[name], layout.study(name))
    assert search is not None
    return search


def test_trials_are_counted_by_how_they_ended(copy: Copy) -> None:
    search = read_study("sizes", *copy)
    assert (len(search.complete), len(search.pruned), search.failed.tolist(), search.interrupted) == (4, 1, [5], 0)


def test_a_trial_that_was_interrupted_has_not_failed(copy: Copy, tmp_path: Path) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    directory = layout.study("sizes")
    trials = directory.table("trials").astype({"error": object})
    trials.loc[trials["state"] == "failed", "error"] = "interrupted"
    directory.write_table("trials", trials)
    search = read_study("sizes", params, layout)
    assert (len(search.failed), search.interrupted) == (0, 1)
    assert sentences.counts(search) == "4 complete, 1 interrupted and repeated, 1 pruned"


def test_the_best_trials_come_first_with_how_far_ahead_they_are(copy: Copy) -> None:
    search = read_study("sizes", *copy)
    assert search.top["trial"].tolist() == [4, 3, 1, 0]
    assert search.lead == pytest.approx(0.005)
    assert search.near == 1


def test_networks_that_stayed_at_chance_level_are_counted(copy: Copy) -> None:
    lambdas, sizes = (read_study(name, *copy) for name in ("lambda", "sizes"))
    assert lambdas.networks.groupby("trial")["trained"].sum().tolist() == [3, 0, 3, 3]
    assert lambdas.top.set_index("trial")["trained"].to_dict() == {3: 3, 0: 3, 2: 3, 1: 0}
    assert lambdas.networks["score"].tolist() == pytest.approx([0.61, 0.62, 0.63] * 4)
    stayed = "of 12 networks of complete trials stayed at chance level"
    assert sentences.started(lambdas).startswith(f"3 {stayed}: all of 1 trial. They count in the scores")
    mixed = replace(lambdas, complete=lambdas.complete.assign(trained=[3, 2, 1, 0]))
    assert sentences.started(mixed).startswith(f"6 {stayed}: all of 1 trial and some of 2 others.")
    some = replace(lambdas, complete=lambdas.complete.assign(trained=[3, 2, 3, 3]))
    assert sentences.started(some).startswith(f"1 {stayed}: some of 1 trial.")
    assert sentences.started(sizes) == "All 8 networks of complete trials left chance level."  # no pruned ones
    table = trials_table([lambdas, sizes])
    assert table[["trained", "networks"]].iloc[[0, 1, 6]].to_numpy(na_value=-1).tolist() == [[3, 3], [0, 3], [-1, -1]]


def test_a_network_without_any_score_has_not_trained_however_small_its_loss(copy: Copy, tmp_path: Path) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    directory = layout.study("lambda")
    curves = directory.table("curves")
    curves.loc[(curves["trial"] == 3) & (curves["fold"] == 2) & (curves["step"] == 200), "train/dice"] = 0.0
    directory.write_table("curves", curves)
    search = read_study("lambda", params, layout)
    assert search.top.set_index("trial")["trained"].to_dict() == {3: 2, 0: 3, 2: 3, 1: 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda curves: curves.drop(columns="train/loss"), r"curves.csv: column 'train/loss' is missing: run `dvc"),
        (
            lambda curves: curves[curves["trial"] != 2],
            r"curves.csv: trial 2: it is complete, and has no point: run `dvc",
        ),
    ],
)
def test_curves_that_do_not_suit_the_trials_are_an_error(copy: Copy, tmp_path: Path, change, message: str) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    directory = layout.study("lambda")
    directory.write_table("curves", change(directory.table("curves")))
    with pytest.raises(RunError, match=message):
        read_study("lambda", params, layout)


def test_a_pruned_trial_has_the_mean_of_its_last_scores(copy: Copy) -> None:
    (value,) = read_study("sizes", *copy).pruned["value"]
    assert value == pytest.approx(0.5 + 200 / 2000 + 0.015)


def test_what_single_parameters_do_not_explain_is_left_to_them_together(copy: Copy) -> None:
    search = read_study("sizes", *copy)
    assert list(search.importances) == ["network.width", "network.levels", "network.batch_norm"]
    assert search.interactions == pytest.approx(0.2)


def test_a_study_without_trials_is_none(copy: Copy, tmp_path: Path) -> None:
    params, _ = copy
    assert search_result("sizes", params.studies["sizes"], Layout(tmp_path).study("sizes")) is None


def test_a_study_that_is_still_searching_has_no_importances(copy: Copy, tmp_path: Path) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    (layout.study("sizes").results / "importances.csv").unlink()
    search = read_study("sizes", params, layout)
    assert (search.importances, search.interactions) == ({}, None)


def test_the_best_points_of_another_study_are_in_a_table_alone(copy: Copy) -> None:
    params, layout = copy
    sampler = BestOf(kind="best-of", study="lambda")
    finals = params.studies["sizes"].model_copy(update={"sampler": sampler})
    search = search_result("sizes", finals, layout.study("sizes"))
    assert search is not None
    assert (len(search.top), search.importances, study_figures(search)) == (4, {}, {})


def test_choices_are_those_of_params_whatever_reading_made_of_their_digits(copy: Copy, tmp_path: Path) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    path = layout.study("lambda").results / "trials.csv"
    path.write_text(path.read_text().replace("0.01\n", "0.010000000000000002\n"))
    assert set(read_study("lambda", params, layout).complete["regularization.strength"]) == {0.0, 0.01}


@pytest.mark.parametrize("drawn", [0, 1])
def test_a_trial_that_was_killed_before_its_point_was_drawn_lacks_parameters(
    copy: Copy, tmp_path: Path, drawn: int
) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    directory, space = layout.study("sizes"), params.studies["sizes"].space
    trials = directory.table("trials").astype(dict.fromkeys(space, object))
    trials.loc[trials["state"] == "failed", list(space)[drawn:]] = None
    directory.write_table("trials", trials)
    search = read_study("sizes", params, layout)
    (failed,) = search.trials[search.trials["state"] == "failed"][list(space)].isna().to_numpy().tolist()
    assert failed == [False] * drawn + [True] * (len(space) - drawn)
    pd.testing.assert_frame_equal(search.top, read_study("sizes", *copy).top)
    assert "network.width=12," in searched_line("sizes", params.studies["sizes"], directory)
    trials.loc[trials["state"] == "complete", "network.width"] = None
    directory.write_table("trials", trials)
    with pytest.raises(RunError, match=r"trial 0: network.width nan is not in the space"):
        read_study("sizes", params, layout)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("l2,0.01", "l3,0.01", r"trial 1: regularization.kind 'l3' is not in the space .* \(l2, weight-decay\): run"),
        ("l2,0.01", "l2,0.02", r"trial 1: regularization.strength 0.02 is not in the space .*search@lambda`"),
        ("regularization.kind", "kind", "column 'regularization.kind' is missing: run `dvc repro search@lambda`"),
    ],
)  # fmt: skip
def test_trials_that_do_not_suit_the_space_are_an_error(
    copy: Copy, tmp_path: Path, old: str, new: str, message: str
) -> None:
    params, layout = copy[0], Layout(tmp_path)
    write_studies(layout)
    path = layout.study("lambda").results / "trials.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RunError, match=message):
        read_study("lambda", params, layout)


def test_all_trials_are_in_one_table_with_a_column_a_parameter(copy: Copy) -> None:
    table = trials_table([read_study(name, *copy) for name in ("lambda", "sizes")])
    assert table.columns.tolist() == [
        "study", "trial", "state", "value", "trained", "networks", "seconds", "regularization.kind",
        "regularization.strength", "network.width", "network.levels", "network.batch_norm",
    ]  # fmt: skip
    assert table["study"].value_counts().to_dict() == {"lambda": 4, "sizes": 6}


def test_no_studies_make_an_empty_table_of_trials() -> None:
    assert trials_table([]).columns.tolist() == ["study", "trial", "state", "value", "trained", "networks", "seconds"]
    assert isinstance(trials_table([]), pd.DataFrame)
