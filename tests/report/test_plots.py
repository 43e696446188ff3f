from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl4ia.analysis.searches import SearchResult
from dl4ia.config import Choices, Range
from dl4ia.report.collect import Report, TaskReport, VariantReport
from dl4ia.report.plots.comparison import comparison
from dl4ia.report.plots.curves import curves, limits, validation_curves
from dl4ia.report.plots.dimensions import jittered, places, ticks
from dl4ia.report.plots.studies import study_figures


@pytest.fixture
def glands(report: Report) -> TaskReport:
    return next(task for task in report.tasks if task.task.name == "warwick")


@pytest.fixture
def sizes(report: Report) -> SearchResult:
    return next(search for search in report.searches if search.name == "sizes")


@pytest.fixture
def lambdas(report: Report) -> SearchResult:
    return next(search for search in report.searches if search.name == "lambda")


def variant(task: TaskReport, name: str) -> VariantReport:
    return next(each for each in task.variants if each.name == name)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line(axes: Axes, label: str) -> mpl.lines.Line2D:
    return next(each for each in axes.lines if each.get_label() == label)


def test_variants_are_side_by_side_with_the_best_first(glands: TaskReport) -> None:
    left, _ = comparison(glands).axes
    order = [label.get_text() for label in left.get_yticklabels()]
    assert order[:3] == ["glands-ensemble", "glands-searched", "glands-wide"]
    assert order[-1] == "glands-l2"


def test_runs_that_did_not_train_are_counted_and_have_no_score(glands: TaskReport) -> None:
    left, right = comparison(glands).axes
    assert len(left.lines[0].get_xdata()) == 8
    scored = line(right, "test A").get_xdata()
    assert len(scored) == 29 + 1 - 8  # runs and an ensemble
    assert min(scored) > 0.7
    assert {"3/5", "0/3", "2/5, 1 diverged"} <= set(texts(comparison(glands)))


def test_both_test_sets_and_reported_values_are_drawn(glands: TaskReport) -> None:
    figure = comparison(glands)
    assert legend(figure) == [
        "test A", "test A, mean of trained runs", "test B", "test B, mean of trained runs", "test A, reported",
    ]  # fmt: skip
    assert sorted(line(figure.axes[1], "test A, reported").get_xdata()) == [0.751, 0.789]


def test_reported_values_are_not_beside_those_of_the_stand_in(glands: TaskReport) -> None:
    fake = replace(glands, reported=False)
    assert "test A, reported" not in legend(comparison(fake))
    combined = variant(fake, "glands-combined")
    assert not any("reported" in text for text in legend(curves(combined, fake, limits(fake))))


def test_only_runs_that_trained_are_in_the_mean_curve(glands: TaskReport) -> None:
    combined = variant(glands, "glands-combined")
    figure = curves(combined, glands, limits(glands))
    table = combined.result.curves
    expected = table[table["seed"] < 3].groupby("step")["validation/dice"].mean()
    drawn = line(figure.axes[0], "validation, mean of 3 runs")
    np.testing.assert_allclose(drawn.get_ydata(), expected)
    assert "did not train (2)" in legend(figure)
    assert "glands-combined: 3 of 5 runs trained" in texts(figure)


def test_curves_have_reported_values_as_lines_and_test_scores_as_marks(glands: TaskReport) -> None:
    names = legend(curves(variant(glands, "glands-combined"), glands, limits(glands)))
    assert {"validation, reported: 0.851", "test A, reported: 0.751", "test A, mean", "test B, mean"} <= set(names)


def test_all_curves_of_a_task_have_the_same_axes(glands: TaskReport) -> None:
    shared = limits(glands)
    ranges = {
        tuple((*axes.get_xlim()[1:], *axes.get_ylim()) for axes in curves(each, glands, shared).axes)
        for each in glands.variants
        if each.name in {"glands-start", "glands-wide", "glands-combined"}
    }
    assert len({tuple(limit[-2:] for limit in each) for each in ranges}) == 1
    assert shared.score[0] < 0.84 < shared.score[1]
    assert shared.loss[0] > 0
    assert shared.loss[1] > np.log(2)  # chance level


def test_a_variant_of_which_no_run_trained_has_a_picture_that_says_so(glands: TaskReport) -> None:
    figure = curves(variant(glands, "glands-l2"), glands, limits(glands))
    assert legend(figure) == ["did not train (3)", "chance level"]
    assert "no run trained" in texts(figure)


def test_one_run_is_no_mean(glands: TaskReport) -> None:
    assert "training, one run" in legend(curves(variant(glands, "glands-searched"), glands, limits(glands)))


def test_axes_say_what_is_measured_of_which_class(glands: TaskReport) -> None:
    left, right = curves(variant(glands, "glands-start"), glands, limits(glands)).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("Dice (gland)", "cross-entropy (log scale)")


def test_validation_curves_are_those_of_runs_that_trained_best_first(glands: TaskReport) -> None:
    names = [text.split()[-1] for text in legend(validation_curves(glands, limits(glands)))]
    assert names == ["glands-wide", "glands-start", "glands-combined", "glands-patient"]


def test_a_small_study_has_one_figure_and_a_large_one_no_figure_of_the_same_twice(
    lambdas: SearchResult, sizes: SearchResult
) -> None:
    assert list(study_figures(lambdas)) == ["lambda"]
    assert list(study_figures(sizes)) == ["widths", "history", "importances", "slices"]


def test_lines_join_lambdas_only_where_each_was_tried_once(lambdas: SearchResult) -> None:
    draw = study_figures(lambdas)["lambda"]
    assert [each.get_linestyle() for each in draw(lambdas).axes[0].lines] == ["-", "-"]
    first = lambdas.complete[lambdas.complete["trial"] != 1]
    styles = [each.get_linestyle() for each in draw(replace(lambdas, complete=first)).axes[0].lines]
    assert styles == ["None", "-"]


def test_each_lambda_has_its_networks_beside_it_and_crosses_for_those_at_chance_level(lambdas: SearchResult) -> None:
    figure = study_figures(lambdas)["lambda"](lambdas)
    stayed, trained, others_trained = (len(points.get_offsets()) for points in figure.axes[0].collections)
    assert (stayed, trained, others_trained) == (3, 3, 6)
    assert legend(figure)[2:] == ["one network of a trial", "one that stayed at chance level"]


def test_trials_with_a_network_at_chance_level_are_crosses(sizes: SearchResult) -> None:
    complete = sizes.complete.assign(trained=[2, 2, 2, 0])
    search = replace(sizes, complete=complete)
    figures = study_figures(search)
    crosses = "complete, with a network at chance level"
    assert legend(figures["history"](search))[:3] == ["complete", crosses, "pruned, when stopped"]
    assert legend(figures["slices"](search)) == ["complete", crosses, "pruned, when stopped"]
    assert [len(each.get_offsets()) for each in figures["slices"](search).axes[0].collections] == [3, 1, 1]
    assert legend(figures["widths"](search)) == ["complete", crosses]
    assert not figures["widths"](sizes).legends


def test_ranges_of_width_and_levels_are_drawn_as_points(sizes: SearchResult) -> None:
    axes = study_figures(sizes)["widths"](sizes).axes[0]
    assert len(axes.collections[0].get_offsets()) == 4


def test_choices_of_width_and_levels_are_cells_with_the_number_of_trials(sizes: SearchResult) -> None:
    space = sizes.study.space | {
        "network.width": Choices(kind="choices", choices=(4, 6, 10, 12)),
        "network.levels": Choices(kind="choices", choices=(1, 2)),
    }
    complete = pd.concat([sizes.complete, sizes.complete.iloc[:1].assign(value=0.5)])
    search = replace(sizes, study=sizes.study.model_copy(update={"space": space}), complete=complete)
    labels = texts(study_figures(search)["widths"](search))
    assert {"0.820\n2 trials", "0.700\n1 trial", "no trial"} <= set(labels)
    search = replace(search, complete=search.complete.assign(trained=[1, 2, 2, 0, 1]))
    labels = texts(study_figures(search)["widths"](search))
    assert {"0.820\n2 trials\n1 of 2 trained", "0.700\n1 trial\n0 of 2 trained"} <= set(labels)


def test_pruned_and_failed_trials_are_in_the_history(sizes: SearchResult) -> None:
    figure = study_figures(sizes)["history"](sizes)
    assert legend(figure) == ["complete", "pruned, when stopped", "best so far", "failed"]


def test_a_pruned_trial_far_below_does_not_flatten_the_others(sizes: SearchResult) -> None:
    low = replace(sizes, pruned=sizes.pruned.assign(value=0.1))
    for name in ("history", "slices"):
        figure = study_figures(low)[name](low)
        assert "pruned, lower" in legend(figure)
        assert figure.axes[0].get_ylim()[0] > 0.5


def test_variants_of_very_different_lengths_have_a_log_scale(glands: TaskReport) -> None:
    longer = variant(glands, "glands-wide")
    curves = longer.result.curves.assign(step=longer.result.curves["step"] * 10)
    usual = [variant(glands, name) for name in ("glands-start", "glands-combined", "glands-patient")]
    scales = [
        validation_curves(replace(glands, variants=each), limits(glands)).axes[0].get_xscale()
        for each in (usual, [*usual, replace(longer, result=replace(longer.result, curves=curves))])
    ]
    assert scales == ["linear", "log"]


def test_importances_show_what_parameters_do_together(sizes: SearchResult) -> None:
    figure = study_figures(sizes)["importances"](sizes)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["width", "levels", "batch norm", "interactions"]
    assert texts(figure)[:4] == ["50%", "20%", "10%", "20%"]


def test_every_parameter_has_a_slice_with_all_trials_that_have_a_value(sizes: SearchResult) -> None:
    figure = study_figures(sizes)["slices"](sizes)
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in drawn] == ["width", "levels", "batch norm"]
    for axes in drawn:
        assert [len(points.get_offsets()) for points in axes.collections] == [4, 1]


def test_choices_stand_side_by_side_and_logarithms_are_spread() -> None:
    assert places([16, 4], Choices(kind="choices", choices=(4, 16))).tolist() == [1, 0]
    log = Range(kind="range", low=0.001, high=0.1, log=True)
    assert places([0.001, 0.01, 0.1], log) == pytest.approx([-3, -2, -1])
    assert ticks(log)[1] == ["0.001", "0.01", "0.1"]


def test_names_at_an_axis_do_not_overlap() -> None:
    assert ticks(Range(kind="range", low=0.0005, high=0.05, log=True))[1] == ["0.0005", "0.01", "0.05"]  # not 0.001


def test_points_at_the_same_choice_are_moved_apart_always_in_the_same_way() -> None:
    choices = Choices(kind="choices", choices=(1, 2))
    moved = [jittered(np.zeros(20), choices, range(20)) for _ in range(2)]
    assert len(set(moved[0])) == 20
    assert np.abs(moved[0]).max() <= 0.25
    np.testing.assert_array_equal(*moved)
    numbers = np.array([0.1, 0.2])
    assert jittered(numbers, Range(kind="range", low=0.1, high=1, log=False), [0, 1]) is numbers
