"""The lines that end a training, an evaluation and a search."""

import pandas as pd
import pytest
import torch

from dl4ia.outcomes import evaluated_line, searched_line, trained_line, validated_line
from dl4ia.overview import overview, readable
from dl4ia.runs.provenance import provenance
from dl4ia.runs.results import RunRecord, VariantRecord
from dl4ia.runs.schemas import RunStatus
from dl4ia.runs.train import experiments

HERE = provenance(torch.device("cpu"))


def ended(experiment, state, **columns):
    """Write what a run of two points leaves."""
    rows = [{"step": step, "epoch": 0.1, "seconds": 1.0, "learning_rate": 0.1, **columns} for step in (1, 2)]
    experiment.run.write_history(rows)
    experiment.run.write_status(RunStatus(state=state, seconds=1.0, **HERE))


@pytest.fixture
def three(params, layout):
    return experiments(params, ["mnist-fc"], layout)[:3]


def test_a_training_ends_with_the_validation_score_of_the_finished_runs(three):
    first, second, third = three
    ended(first, "finished", **{"train/loss": 0.1, "train/accuracy": 0.99, "validation/accuracy": 0.94})
    ended(second, "finished", **{"train/loss": 0.1, "train/accuracy": 0.99, "validation/accuracy": 0.96})
    ended(third, "diverged", **{"train/loss": 2.3, "train/accuracy": 0.1, "validation/accuracy": 0.1})
    assert trained_line("mnist-fc", three) == "mnist-fc: validation accuracy 0.950 ± 0.014 (2 of 3 runs finished)"


def test_a_training_on_all_images_ends_with_the_training_score(three):
    ended(three[0], "finished", **{"train/loss": 0.1, "train/accuracy": 0.97})
    assert trained_line("mnist-fc", three[:1]) == "mnist-fc: training accuracy 0.970 (1 of 1 runs finished)"


def test_runs_at_chance_level_are_counted_apart(three):
    ended(three[0], "finished", **{"train/loss": 0.1, "train/accuracy": 0.97})
    ended(three[1], "finished", **{"train/loss": 2.3026, "train/accuracy": 0.1})
    line = trained_line("mnist-fc", three[:2])
    assert line == "mnist-fc: training accuracy 0.970 (2 of 2 runs finished, 1 at chance level)"
    assert trained_line("mnist-fc", three[1:2]) == "mnist-fc: (1 of 1 runs finished, 1 at chance level)"


def test_a_training_without_a_finished_run_has_no_score(three):
    ended(three[0], "diverged", **{"train/accuracy": 0.1})
    assert trained_line("mnist-fc", three[:1]) == "mnist-fc: (0 of 1 runs finished)"


def evaluation(layout, name, task, scores):
    """Write results of one run for each of `scores`; None is a run that did not leave chance level."""
    status = RunStatus(state="finished", seconds=1.0, **HERE)
    runs = [RunRecord.of(seed, "key", status, trained=score is not None) for seed, score in enumerate(scores)]
    record = VariantRecord(name=name, task=task, layers="", optimizer="", weights=1, parameters=1, runs=runs)
    metrics = {
        seed: {key: value or 0.0 for key, value in score.items()} for seed, score in enumerate(map(of_none, scores))
    }
    layout.result(name).write(record, metrics, {})
    return layout.result(name)


def of_none(score):
    return score or {("test_a", "dice"): 0.0, ("test_b", "dice"): 0.0}


def test_an_evaluation_ends_with_the_test_scores_of_the_runs_that_trained(layout):
    scores = [
        {("test_a", "dice"): 0.8, ("test_b", "dice"): 0.7},
        None,
        {("test_a", "dice"): 0.9, ("test_b", "dice"): 0.7},
    ]
    line = evaluated_line("warwick-start", evaluation(layout, "warwick-start", "warwick", scores))
    assert line == "warwick-start: test A Dice 0.850 ± 0.071, test B Dice 0.700 ± 0.000 (2 of 3 runs trained)"


def test_a_reported_score_stands_beside_the_one_here(three, layout):
    ended(three[0], "finished", **{"train/loss": 0.1, "train/accuracy": 0.97})
    reported = {"test_accuracy": 0.97, "train_seconds": 69}
    assert trained_line("mnist-fc", three[:1], reported).endswith("finished); reported: test accuracy 0.970")
    scores = [{("test_a", "dice"): 0.8, ("test_b", "dice"): 0.7}]
    line = evaluated_line("x", evaluation(layout, "x", "warwick", scores), {"test_a_dice": 0.789})
    assert line == "x: test A Dice 0.800, test B Dice 0.700 (1 of 1 runs trained); reported: test A Dice 0.789"


def test_what_a_try_is_compared_with_is_the_validation_score_of_the_results(layout):
    scores = [{("validation", "dice"): value, **of_none(None)} for value in (0.8, 0.9)]
    line = validated_line("warwick-start", evaluation(layout, "warwick-start", "warwick", scores))
    assert line == "warwick-start, in results/: validation Dice 0.850 ± 0.071 (2 of 2 runs trained)"


def test_an_evaluation_where_no_run_trained_has_no_score(layout):
    line = evaluated_line("warwick-start", evaluation(layout, "warwick-start", "warwick", [None]))
    assert line == "warwick-start: (0 of 1 runs trained)"


def test_a_search_ends_with_its_best_point(layout, params):
    study, directory = params.study("lambda"), layout.study("lambda")
    rows = [
        (0, "complete", 0.7, "l2", 0.001),
        (1, "complete", 0.8, "weight-decay", 0.01),
        (2, "failed", None, "l2", 0.0),
    ]
    table = pd.DataFrame(rows, columns=["trial", "state", "value", *study.space])
    directory.write_table("trials", table.assign(started=0.0, seconds=1.0, error=None))
    assert searched_line("lambda", study, directory) == (
        "lambda: best validation Dice 0.800 of 2 complete trials: regularization.kind=weight-decay, "
        f"regularization.strength=0.01 ({directory.best})"
    )


def test_the_overview_says_how_far_each_is_and_what_came_of_it(three, params, layout):
    ended(three[0], "finished", **{"train/accuracy": 0.97})
    scores = [{("test_a", "dice"): 0.8, ("test_b", "dice"): 0.7}, {("test_a", "dice"): 0.9, ("test_b", "dice"): 0.7}]
    evaluation(layout, "warwick-start", "warwick", scores)
    evaluation(layout, "warwick-logits", "warwick", [None])
    layout.study("lambda").write_table("trials", pd.DataFrame(
        [(0, "complete", 0.7, 0.0, 1.0, None), (1, "failed", None, 0.0, 1.0, "killed")],
        columns=["trial", "state", "value", "started", "seconds", "error"],
    ))  # fmt: skip
    layout.study("lambda").best.write_text("{}")
    table = overview(params, layout)
    rows = readable(table).set_index("name")
    assert list(rows.loc["mnist-fc", ["on this machine", "result"]]) == ["1 of 10 runs", "not evaluated"]
    assert list(rows.loc["warwick-start", ["on this machine", "result"]]) == [
        "0 of 5 runs",
        "test A Dice 0.850 ± 0.071 (2 of 2 trained)",
    ]
    assert rows.loc["warwick-logits", "result"] == "test A Dice – (0 of 1 trained)"
    assert list(rows.loc["lambda", ["on this machine", "result"]]) == ["not started", "validation Dice 0.700"]
    assert list(rows.loc["joint", ["on this machine", "result"]]) == ["not started", ""]
    (layout.result("warwick-rotations").path).mkdir()  # as DVC leaves it while an evaluation runs again
    assert readable(overview(params, layout)).set_index("name").loc["warwick-rotations", "result"] == "not evaluated"
    start = table.set_index("name").loc["warwick-start"]
    assert (start["metric"], start["mean"], start["runs"]) == ("test A Dice", pytest.approx(0.85), 2)
