import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dl4ia.base.errors import DataError, RunError, UserError
from dl4ia.config import Ensemble
from dl4ia.data.imageset import ImageSet
from dl4ia.runs import evaluate
from dl4ia.runs.evaluate import Job, _parts, evaluate_ensemble, evaluate_variant
from dl4ia.runs.experiment import Standardizer
from dl4ia.runs.layout import Layout
from dl4ia.runs.predictions import mean_log_probability, predictions, trained, views
from dl4ia.runs.results import ResultDirectory
from dl4ia.runs.test_evaluations import evaluation_counts
from dl4ia.runs.train import experiments, train_all
from dl4ia.tasks import TASKS
from tests.conftest import shortened, write_data
from tests.runs.inline import Inline

NAMES = ("mnist-fc", "warwick-start", "warwick-baseline")


@pytest.fixture(scope="module")
def short(params):
    """The experiments, each trained for a moment."""
    seeds = dict.fromkeys(NAMES, (0, 1)) | {"warwick-baseline": (0,)}
    variants = {name: shortened(params.variant(name), iterations=20, seeds=seeds[name]) for name in NAMES}
    ensemble = Ensemble(
        task="warwick", exercise="2", about="", reported={}, members=("warwick-start",), test_time="flips"
    )
    return params.model_copy(update={"variants": variants, "ensembles": {"mean": ensemble}})


@pytest.fixture(scope="module", autouse=True)
def _empty_pictures():
    """Write pictures without drawing them, which takes most of the time: tests/tasks draws them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "save", lambda _, path: (path.parent.mkdir(parents=True, exist_ok=True), path.touch()))
        yield


@pytest.fixture(scope="module")
def layout(tmp_path_factory, few_glands, digits, short, _empty_pictures):
    """A working copy in which they are trained and evaluated."""
    torch.set_num_threads(1)
    layout = write_data(tmp_path_factory.mktemp("copy"), digits, few_glands)
    train_all(experiments(short, NAMES, layout), Inline(), lambda _: None)
    for name in NAMES:
        evaluate_variant(name, short, layout, Inline())
    evaluate_ensemble("mean", short, layout, Inline())
    return layout


@pytest.fixture
def copy(layout, tmp_path):
    """A copy of it, to change."""
    return Layout(shutil.copytree(layout.root, tmp_path / "copy"))


def metrics_of(layout, name, seed=0):
    table = layout.result(name).table("metrics")
    return {(row.part, row.metric): row.value for row in table[table["seed"] == seed].itertuples()}


def predicted(experiment, images):
    network, standardizer = trained(experiment)
    with torch.inference_mode():
        return network.eval()(standardizer.apply(images.images)).argmax(1).numpy()


def test_a_classifier_is_measured_on_every_part(layout, short):
    metrics = metrics_of(layout, "mnist-fc")
    assert {part for part, _ in metrics} == {"train", "validation", "test"}
    test = ImageSet.load(layout.dataset("mnist", "test"))
    experiment = experiments(short, ["mnist-fc"], layout)[0]
    assert metrics["test", "accuracy"] == pytest.approx((predicted(experiment, test) == test.targets).mean())


def test_the_confusion_counts_are_those_of_the_test_images(layout):
    counts = layout.result("mnist-fc").table("confusion").query("seed == 0")
    test = ImageSet.load(layout.dataset("mnist", "test"))
    assert counts["count"].sum() == len(test)
    right = counts[counts["actual"] == counts["predicted"]]["count"].sum()
    assert right / len(test) == pytest.approx(metrics_of(layout, "mnist-fc")["test", "accuracy"])
    by_class = counts.groupby("actual")["count"].sum()
    np.testing.assert_array_equal(by_class.to_numpy(), np.bincount(test.targets, minlength=10))


def test_the_misclassified_test_digits_are_kept(layout):
    images = layout.result("mnist-fc").table("images")
    assert set(images["part"]) == {"test"}
    assert (images["actual"] != images["predicted"]).all()
    errors = images.groupby("seed").size()
    assert errors[0] / 200 == pytest.approx(1 - metrics_of(layout, "mnist-fc")["test", "accuracy"])


@pytest.mark.parametrize("name", ["warwick-start", "warwick-baseline"])
def test_a_segmentation_network_is_measured_on_every_part(layout, short, name):
    metrics = metrics_of(layout, name)
    validated = {"validation"} if name == "warwick-start" else set()
    assert {part for part, _ in metrics} == {"train", "test_a", "test_b"} | validated
    test = ImageSet.load(layout.dataset("warwick", "test")).part("test_b")
    prediction, masks = predicted(experiments(short, [name], layout)[0], test), test.targets
    dice = 2 * (prediction & masks).sum() / max(1, prediction.sum() + masks.sum())
    assert metrics["test_b", "dice_pooled"] == pytest.approx(dice)
    images = layout.result(name).table("images").query("seed == 0")
    assert metrics["test_a", "dice"] == pytest.approx(images.query("part == 'test_a'")["dice"].mean(), abs=1e-5)
    assert images.groupby("part").size()["test_a"] == 20


def test_pictures_are_drawn_of_every_run_and_test_set(layout):
    for seed in (0, 1):
        names = {path.name for path in (layout.evaluation("warwick-start") / f"seed-{seed}").iterdir()}
        kinds, parts = ("examples", "layers", "edges", "confusion"), ("test_a", "test_b")
        assert names == {f"{kind}-{part}.png" for kind in kinds for part in parts}


def test_a_variant_has_the_means_over_runs_that_trained(layout):
    record = layout.result("mnist-fc").record()
    means = json.loads((layout.result("mnist-fc").path / "metrics.json").read_text())
    trained_seeds = [run.seed for run in record.runs if run.trained]
    assert means["runs"] == 2
    assert means["trained"] == len(trained_seeds)
    expected = np.mean([metrics_of(layout, "mnist-fc", seed)["test", "accuracy"] for seed in trained_seeds])
    assert means["test_accuracy"] == pytest.approx(expected)


def test_curves_are_those_of_all_runs(layout):
    curves = layout.result("mnist-fc").table("curves")
    assert curves.groupby("seed")["step"].apply(list).to_dict() == {0: list(range(2, 21, 2)), 1: list(range(2, 21, 2))}
    assert {"learning_rate", "train/loss", "validation/accuracy"} <= set(curves)


def test_inputs_are_standardised_by_the_training_part_alone(layout, short):
    for experiment in experiments(short, ["warwick-start", "mnist-fc"], layout):
        data, split = experiment.data()
        parts = (data.take(split.train).images, data.images)
        alone, all_images = (Standardizer.of(images, experiment.variant.settings).mean for images in parts)
        assert tuple(experiment.run.config().standardization.mean) == alone != all_images


def test_the_record_describes_what_was_trained(layout):
    record = layout.result("warwick-start").record()
    assert (record.weights, record.parameters > record.weights) == (16160, True)
    assert record.optimizer.startswith("SGD(lr=0.01, momentum=0.9")
    assert "Conv2d" in record.layers
    assert [run.state for run in record.runs] == ["finished", "finished"]


def test_a_network_that_predicts_nothing_has_not_trained(copy, short):
    dead, _ = experiments(short, ["mnist-fc"], copy)
    dead.run.write_weights({name: torch.zeros_like(value) for name, value in dead.run.weights().items()})
    runs = evaluate_variant("mnist-fc", short, copy, Inline()).record().runs
    assert [run.trained for run in runs] == [False, True]


def test_each_evaluation_of_a_test_set_is_recorded(layout):
    counts = evaluation_counts(layout)
    assert dict(zip(counts["name"], counts["times"], strict=True)) == dict.fromkeys((*NAMES, "mean"), 1)


def test_an_evaluation_that_fails_is_recorded_all_the_same(copy, short):
    copy.dataset("warwick", "test").unlink()
    with pytest.raises(DataError):
        evaluate_variant("warwick-start", short, copy, Inline())
    assert evaluation_counts(copy).set_index("name")["times"]["warwick-start"] == 2


def test_a_run_that_was_trained_otherwise_is_not_evaluated(copy, short):
    longer = short.variants | {"mnist-fc": shortened(short.variants["mnist-fc"], iterations=21)}
    with pytest.raises(RunError, match=r"seed 0 was trained with other settings than there are now: run `dvc repro"):
        evaluate_variant("mnist-fc", short.model_copy(update={"variants": longer}), copy, Inline())
    split = copy.split("warwick", "random")
    split.write_text(f"{split.read_text()} ")
    for evaluated, name in ((evaluate_variant, "warwick-start"), (evaluate_ensemble, "mean")):
        with pytest.raises(RunError, match="warwick-start, seed 0 was trained with other split than there are now"):
            evaluated(name, short, copy, Inline())


def test_an_ensemble_averages_the_probabilities_of_its_members(layout, short):
    record = layout.result("mean").record()
    assert record.runs[0].members == ("warwick-start/seed-0", "warwick-start/seed-1")
    test = ImageSet.load(layout.dataset("warwick", "test")).part("test_a")
    each = [predictions(one, test, "flips").log_probabilities for one in experiments(short, ["warwick-start"], layout)]
    probability = sum(prediction.exp() for prediction in each) / 2
    torch.testing.assert_close(mean_log_probability(each).exp(), probability)
    expected = (probability.argmax(1) == torch.from_numpy(test.targets)).double().mean()
    assert metrics_of(layout, "mean")["test_a", "pixel_accuracy"] == pytest.approx(float(expected))


def test_images_that_a_member_may_have_been_trained_on_do_not_validate_an_ensemble(layout, short):
    plain, leaky = experiments(short, ["warwick-start"], layout)
    copies = leaky.variant.settings.added_copies.model_copy(update={"flips": True, "before_split": True})
    settings = leaky.variant.settings.model_copy(update={"added_copies": copies})
    leaky = replace(leaky, variant=leaky.variant.model_copy(update={"settings": settings}))
    jobs = (Job("mean", members, "none", None, 0) for members in ((plain, plain), (plain, leaky)))
    parts = [[name for name, _ in _parts(job, TASKS["warwick"])] for job in jobs]
    assert parts == [["train", "validation", "test_a", "test_b"], ["train", "test_a", "test_b"]]


@pytest.mark.parametrize(("test_time", "count"), [("none", 1), ("flips", 4), ("flips-and-turns", 8)])
def test_views_are_all_different_and_can_be_undone(test_time, count):
    image = torch.arange(2 * 16.0).view(1, 2, 4, 4)
    transformed = [forth(image) for forth, _ in views(test_time)]
    assert len({tuple(each.flatten().tolist()) for each in transformed}) == count
    assert all(torch.equal(back(forth(image)), image) for forth, back in views(test_time))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there_is_refused_for_runs_that_were_trained(layout, short):
    on_gpu = short.model_copy(update={"device": "cuda"})
    with pytest.raises(UserError, match=r"params.yaml: device: got 'cuda', which this machine does not have"):
        evaluate_variant("mnist-fc", on_gpu, layout, Inline())


def test_a_run_that_has_not_been_trained_cannot_be_evaluated(short, tmp_path):
    with pytest.raises(RunError, match="seed-0 is missing: run `dvc repro train@mnist-fc`"):
        evaluate_variant("mnist-fc", short, Layout(tmp_path), Inline())


def test_a_stopped_run_is_named_with_what_to_do(layout, short):
    run = experiments(short, ["warwick-start"], layout)[1].run
    status = run.status()
    run.write_status(status.model_copy(update={"state": "stopped"}))
    try:
        with pytest.raises(RunError, match="warwick-start, seed 1 is stopped: run `dvc repro train@warwick-start`"):
            evaluate_variant("warwick-start", short, layout, Inline())
        with pytest.raises(RunError, match="warwick-start, seed 1 is stopped"):
            evaluate_ensemble("mean", short, layout, Inline())
    finally:
        run.write_status(status)


def test_a_diverged_run_is_counted_and_has_no_metrics(layout, short, tmp_path):
    copy = Layout(shutil.copytree(layout.root, tmp_path / "copy"))
    run = experiments(short, ["warwick-start"], copy)[1].run
    error = "the training loss is nan"
    run.write_status(run.status().model_copy(update={"state": "diverged", "error": error}))
    record = evaluate_variant("warwick-start", short, copy, Inline()).record()
    assert [(each.seed, each.state, each.error) for each in record.runs][1] == (1, "diverged", error)
    assert set(copy.result("warwick-start").table("metrics")["seed"]) == {0}
    assert set(copy.result("warwick-start").table("curves")["seed"]) == {0, 1}


def test_results_are_the_same_bytes_each_time(layout, short):
    folder = layout.result("mnist-fc").path
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    evaluate_variant("mnist-fc", short, layout, Inline())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_edited_table_is_refused_with_what_to_do(layout):
    result = layout.result("mnist-fc")
    text = (result.path / "metrics.csv").read_text()
    (result.path / "metrics.csv").write_text(text.replace("metric,", "measure,", 1))
    try:
        with pytest.raises(RunError, match=r"metrics.csv: column 'metric' is missing; delete .* and run `dvc repro`"):
            result.table("metrics")
    finally:
        (result.path / "metrics.csv").write_text(text)


def test_names_stay_texts(layout, tmp_path):
    """Those of one's own images may look like numbers, of which 1.1 and 1.10 are one, or like nothing."""
    table = layout.result("warwick-start").table("images").iloc[:4].assign(name=["1.1", "1.10", "007", "NA"])
    result = ResultDirectory(tmp_path)
    record = layout.result("warwick-start").record()
    result.write(record, {}, {"curves": [], "images": [table], "confusion": []})
    assert result.table("images")["name"].tolist() == ["1.1", "1.10", "007", "NA"]


def test_a_table_of_no_runs_has_its_columns(tmp_path, layout):
    record = layout.result("mnist-fc").record().model_copy(update={"runs": []})
    empty = ResultDirectory(tmp_path)
    empty.write(record, {}, {"curves": [], "images": [], "confusion": []})
    assert isinstance(empty.table("curves"), pd.DataFrame)
    assert empty.table("metrics").empty


def test_results_of_two_evaluations_are_never_taken_for_one(tmp_path, layout):
    """Stopped before its last file, as by a full disk, an evaluation leaves no results rather than mixed ones."""
    source = layout.result("mnist-fc")
    results = ResultDirectory(tmp_path / "results")
    shutil.copytree(source.path, results.path)
    (results.path / "metrics.csv").unlink()
    (results.path / "metrics.csv").mkdir()  # which cannot be replaced by a file
    with pytest.raises(OSError, match="metrics.csv"):
        results.write(source.record(), {}, {})
    assert not (results.path / "runs.json").exists()
