"""Folders of one's own images go through the whole pipeline by rows of params.yaml, and their networks are applied."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dl4ia import config
from dl4ia.base.errors import ConfigError, DataError, UserError
from dl4ia.data.imageset import ImageSet
from dl4ia.prediction import predict
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import experiments, train_all
from dl4ia.stages import Pipeline
from dl4ia.tasks import TASKS, task_of
from tests.conftest import ROOT
from tests.folders import COINS, NUMBERS, save, tiles, write_coins, write_numbers
from tests.runs.inline import Inline

PARAMS = f"""
data: {{source: auto}}
datasets:{COINS}{NUMBERS}
seeds: {{coins: [0, 1], numbers: [0]}}
split: {{}}
champions: {{coins: coins-unet, numbers: numbers-cnn}}
defaults:
  coins: &defaults
    iterations: 60
    batch_size: 8
    evaluate_every: 20
    channels_last: false
    split: {{strategy: random}}
    regularization: {{kind: l2, strength: 0.0}}
    optimizer: {{kind: adam, learning_rate: 0.01}}
    network: {{kind: unet, width: 4, levels: 1}}
  numbers:
    <<: *defaults
    network: {{kind: cnn, feature_maps: [8], pools: 1, pool_first: true}}
variants:
  coins-unet:
    {{task: coins, exercise: own, about: a small U-Net, reported: {{}}, test_time: flips,
      settings: {{augmentation: [{{kind: flips}}]}}}}
  numbers-cnn: {{task: numbers, exercise: own, about: one convolution, reported: {{}}, settings: {{}}}}
studies:
  coins-width:
    {{task: coins, about: feature maps, space: {{network: {{width: [2, 4]}}}}, settings: {{}}, sampler: {{kind: grid}},
      pruner: {{kind: none}}, objective: {{kind: folds, strategy: random, folds: 2}}, trials: 2, iterations: 10,
      evaluate_every: 5, seed: 0, hours: 1}}
"""


def forget():
    """Forget the tasks that reading a params.yaml has made known."""
    for name in ("coins", "numbers"):
        TASKS.pop(name, None)


@pytest.fixture(autouse=True)
def _built_in_tasks_alone():
    yield
    forget()


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A working copy that has the folders as arrays, and their splits."""
    root = tmp_path_factory.mktemp("own")
    write_coins(root / "coins")
    write_numbers(root / "numbers")
    (root / "params.yaml").write_text(PARAMS)
    pipeline = Pipeline(config.load(root / "params.yaml", root), Layout(root), root / "data")
    pipeline.code()
    pipeline.download()
    pipeline.split()
    forget()
    return root


@pytest.fixture(scope="module")
def done(imported):
    """The same in which all of it has been done."""
    root = imported
    pipeline = Pipeline(config.load(root / "params.yaml", root), Layout(root), root / "data")
    pipeline.search("coins-width")
    pipeline.train(["coins-unet", "numbers-cnn"])
    pipeline.evaluate(["coins-unet", "numbers-cnn"])
    pipeline.champion()
    pipeline.report()
    forget()
    return root


@pytest.fixture
def here(done, tmp_path, monkeypatch):
    """A folder that has the networks, and nothing of params.yaml."""
    shutil.copytree(done / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_both_kinds_are_trained_and_evaluated(done):
    summary = pd.read_csv(done / "results" / "summary.csv", index_col="variant")
    assert summary.loc["coins-unet", "test_dice_mean"] > 0.8
    assert summary.loc["numbers-cnn", "test_accuracy_mean"] > 0.8
    assert summary["trained"].tolist() == [2, 1]
    pictures = {path.name for path in (done / "out/evaluation").glob("*/seed-*/*.png")}
    assert pictures >= {"confusion-test.png", "examples-test.png"}
    layers = {path.parent.parent.name for path in (done / "out/evaluation").glob("*/seed-*/layers-test.png")}
    assert layers == {"coins-unet"}


@pytest.mark.slow
def test_the_results_of_the_study_are_kept(done):
    trials = pd.read_csv(done / "results/search/coins-width/trials.csv")
    assert trials["state"].tolist() == ["complete", "complete"]
    assert trials["value"].between(0, 1, inclusive="right").all()


@pytest.mark.slow
def test_the_report_speaks_of_the_dataset_as_of_any_other(done):
    text = (done / "report/report.md").read_text()
    assert "- [Ancient coins](#ancient-coins): 1 variant" in text
    assert "| **Ancient coins**: Dice (foreground), test |" in text
    assert "- Data of Ancient coins: the folder coins" in text
    assert "Not the real data" not in text
    for name in ("trust-coins", "comparison-numbers", "search-coins-width-slices"):
        assert (done / f"report/figures/{name}.png").exists()


@pytest.mark.slow
def test_the_test_images_are_in_a_file_of_their_own(done):
    names = [{*ImageSet.load(done / f"out/dataset/coins-{part}.npz").names} for part in ("train", "test")]
    assert [len(each) for each in names] == [38, 10]
    assert not names[0] & names[1]


@pytest.mark.slow
def test_every_stage_has_a_version_of_its_code(done):
    versions = json.loads((done / "results/code.json").read_text())
    assert versions["download"].keys() == versions["split"].keys() == {"coins", "numbers"}
    assert versions["download"]["coins"] == versions["download"]["numbers"]
    assert versions["train"]["coins-unet"] != versions["train"]["numbers-cnn"]


@pytest.mark.slow
def test_the_champion_finds_the_foreground_of_new_pictures(here):
    pixels, mask = tiles()["100-96"]
    save(np.asarray(Image.fromarray(pixels).resize((144, 150))), here / "new.png")
    table = predict([here / "new.png"], "coins", here / "out").set_index("image")
    predicted = np.asarray(Image.open(here / "out/new-mask.png")) > 0
    actual = np.asarray(Image.fromarray(mask).resize((144, 150)))
    assert 2 * (predicted & actual).sum() / (predicted.sum() + actual.sum()) > 0.8
    assert table.loc["new.png", "area_share"] == pytest.approx(predicted.mean(), abs=1e-4)
    assert table.loc["new.png", "regions"] >= 1
    assert {path.name for path in (here / "out").iterdir()} == {
        "new-mask.png", "new-overlay.png", "new-probability.png", "predictions.csv"
    }  # fmt: skip


@pytest.mark.slow
def test_the_champion_names_the_class_of_new_pictures(done, here):
    files = [next((done / "numbers" / name).iterdir()) for name in ("zero", "one", "two")]
    table = predict(files, "models/numbers", here / "out")
    assert table["class"].tolist() == ["zero", "one", "two"]
    assert table["probability"].between(1 / 3, 1).all()


@pytest.mark.slow
def test_a_run_is_applied_where_params_yaml_describes_its_dataset(done, tmp_path, monkeypatch):
    monkeypatch.chdir(done)
    image = next((done / "coins/images").iterdir())
    for model in ("coins-unet", "out/runs/coins-unet/seed-1"):
        forget()
        assert len(predict([image], model, tmp_path / "out")) == 1


@pytest.mark.slow
def test_a_scale_is_refused_where_images_have_none(here):
    save(tiles()["0-0"][0], here / "new.png")
    with pytest.raises(UserError, match="--microns-per-pixel: images of task coins have no scale"):
        predict([here / "new.png"], "coins", here / "out", 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("row", ["variants.coins-unet", "studies.coins-width"])
def test_a_row_makes_its_task_known_in_another_process(done, row):
    section, name = row.split(".")
    packed = pickle.dumps(getattr(config.load(done / "params.yaml", done), section)[name])
    title = task_of("coins").title
    forget()
    assert task_of(pickle.loads(packed).task).title == title


def test_a_row_of_a_built_in_task_leaves_that_as_it_is(params):
    before = TASKS["mnist"]
    assert pickle.loads(pickle.dumps(params.variants["mnist-cnn"])) == params.variants["mnist-cnn"]
    assert TASKS["mnist"] is before


@pytest.mark.slow
def test_another_setting_of_the_dataset_gives_other_data(done, tmp_path):
    shutil.copytree(done / "coins", tmp_path / "coins")
    digests = set()
    for change in (
        "size: 16, channels: grey",
        "size: 20",
        "size: 16, channels: rgb",
        "size: 16, seed: 1",
        "size: 16, test: 0.3",
    ):
        (tmp_path / "params.yaml").write_text(PARAMS.replace("channels: grey, size: 16", change))
        params = config.load(tmp_path / "params.yaml", tmp_path)
        Pipeline(params, Layout(tmp_path)).download(["coins"])
        digests.add(json.loads((tmp_path / "out/dataset/coins-source.json").read_text())["sha256"]["train"])
    assert len(digests) == 5


def test_arrays_of_another_size_than_params_yaml_has_now_are_not_trained_on(imported, tmp_path):
    for name in ("out/dataset", "out/split"):
        shutil.copytree(imported / name, tmp_path / name)
    (tmp_path / "params.yaml").write_text(PARAMS.replace("size: 16", "size: 32"))
    todo = experiments(config.load(tmp_path / "params.yaml", tmp_path), ["coins-unet"], Layout(tmp_path))
    message = (
        r"coins-train.npz: images of \(1, 16, 16\) .* expected \(1, 32, 32\) .* `dvc repro download-folder` for your"
    )
    with pytest.raises(DataError, match=message):
        train_all(todo, Inline(), lambda _: None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: segmentation", "kind: boxes", "datasets.coins: unknown kind of dataset 'boxes'; expected one of segm"),
        ("size: 16", "sice: 16", "datasets.coins.size: missing"),
        ("size: 16", "size: 16, test: 0.9", "datasets.coins.test"),
        ("size: 16", "size: 16, colour: red", "datasets.coins.colour: unknown key"),
        ("size: 16", "size: 4000", "datasets.coins.size: got 4000"),
        ("size: 16", "size: 15", "both sides must be multiples of 2, so levels can be at most 0"),
        ("channels: grey", "channels: grays", "datasets.coins.channels: got 'grays'"),
        (
            "[zero, one, two]",
            "[zero]",
            "datasets.numbers.classes: got ['zero']",
        ),
        ("[zero, one, two]", "[zero, one, one]", "datasets.numbers: classes ['zero', 'one', 'one'] names one twice"),
        ("[zero, one, two]", "[0, 1]", "datasets.numbers.classes.0: got 0"),
        ("[zero, one, two]", "[zero, ../one]", "datasets.numbers.classes.1: got '../one'"),
        ("  coins: {kind", "  mnist: {kind", "datasets.mnist: there is a built-in task of that name: choose another"),
        (
            "split: {}",
            "split: {coins: {seed: 0, validation: 0.2}}",
            "split.coins: a dataset of one's own has its split",
        ),
        ("split: {strategy: random}", "split: {strategy: patient}", "task coins allows random, none, random-folds"),
        ("test_time: flips", "objects: {separation: 9.0}", "variants.coins-unet.objects: task coins has no single obj"),
    ],
)
def test_a_mistake_in_params_yaml_is_named_in_one_line(tmp_path, old, new, expected):
    assert old in PARAMS
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.replace(old, new, 1))
    with pytest.raises(ConfigError) as raised:
        config.load(path, tmp_path)
    assert str(raised.value).startswith(f"{path}: ")
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_datasets_nothing_is_known_but_the_built_in_tasks():
    params = config.load(ROOT / "params.yaml", ROOT / "tests")
    assert params.datasets == {}
    assert params.split.keys() == {"mnist", "warwick"} <= TASKS.keys()
