"""Networks applied to pictures from anywhere, with the champions that git has."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dl4ia import config
from dl4ia.base.errors import UserError
from dl4ia.prediction import load_model, predict
from dl4ia.runs.layout import Layout
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.saved_model import SavedModel, champion_folder, save_model
from dl4ia.runs.train import Experiment, train_all
from dl4ia.tasks import TASKS
from dl4ia.tasks.predictor import predictor_of
from tests.conftest import ROOT, shortened
from tests.runs.inline import Inline
from tests.tasks.test_gland_prediction import picture


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what git has that predictions need."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tissue(path, height=300, width=400):
    Image.fromarray(picture(height, width, (150, 150, 70))[0]).save(path)
    return path


def digit(number, side=150):
    digits = load_digits()
    index = int(np.flatnonzero(digits.target == number)[0])
    gray = Image.fromarray((255 - digits.images[index] * 255 / 16).astype(np.uint8))
    large = gray.resize((side, side), Image.Resampling.BICUBIC)
    canvas = Image.new("L", (side * 2, side * 3 // 2), 255)
    canvas.paste(large, (side // 2, side // 4))
    return canvas


@pytest.mark.parametrize("task", ["mnist", "warwick"])
def test_the_models_in_git_are_the_champions_of_params_yaml(task):
    name = config.load(ROOT / "params.yaml").champions[task]
    saved = json.loads((champion_folder(task, ROOT) / "config.json").read_text())
    assert (saved["variant"], saved["task"], saved["seed"]) == (name, task, 0)
    first = Layout(ROOT).result(name).record().runs[0]
    assert first.seed == 0
    assert RunDirectory(champion_folder(task, ROOT)).config().key == first.key
    assert SavedModel.load(champion_folder(task, ROOT)).name == f"{name}/seed-0"
    size = sum(path.stat().st_size for path in champion_folder(task, ROOT).iterdir())
    assert size < 5 << 20


def test_glands_of_files_and_folders_are_written_as_pictures_and_a_table(here):
    (here / "slides").mkdir()
    files = [tissue(here / "a.png"), tissue(here / "slides" / "b.tif", 600, 900)]
    (here / "slides" / "notes.txt").write_text("no picture, and not asked for by name")
    table = predict([files[0], here / "slides"], "warwick", here / "found")
    assert list(table.columns) == ["image", "width", "height", "glands", "area_share"]
    assert table["image"].tolist() == ["a.png", "b.tif"]
    pd.testing.assert_frame_equal(pd.read_csv(here / "found" / "predictions.csv"), table)
    for file, size in zip(files, [(400, 300), (900, 600)], strict=True):
        for name in ("mask", "probability", "overlay"):
            assert Image.open(here / "found" / f"{file.stem}-{name}.png").size == size
    assert len(list((here / "found").iterdir())) == 7


def test_digits_of_any_polarity_are_read(here):
    for number in range(10):
        image = digit(number)
        image.save(here / f"{number}.png")
        Image.fromarray(255 - np.asarray(image)).save(here / f"{number}-inverted.bmp")
    table = predict([here], "mnist", here / "found")
    assert len(table) == 20
    expected = table["image"].str[0].astype(int)
    assert (table["digit"] == expected).mean() >= 0.9
    assert table["probability"].between(0.1, 1).all()


def test_a_picture_that_cannot_be_read_does_not_keep_the_others_from_it(here):
    tissue(here / "a.png")
    (here / "b.png").write_text("no image")
    with pytest.raises(
        UserError, match=r"1 of 2 images are done \(found\), not these: .*b.png is not a readable image"
    ):
        predict([here / "a.png", here / "b.png"], "warwick", Path("found"))
    assert pd.read_csv("found/predictions.csv")["image"].tolist() == ["a.png"]


def test_a_run_a_variant_and_a_saved_model_predict_the_same(layout, params, monkeypatch, digits):
    name = "mnist-cnn"
    experiment = Experiment(name, shortened(params.variant(name)), 0, layout)
    train_all([experiment], Inline(), lambda event: None)
    save_model(experiment, layout.root / "saved")
    shutil.copyfile(ROOT / "params.yaml", layout.root / "params.yaml")
    monkeypatch.chdir(layout.root)
    models = [load_model(model) for model in (str(experiment.run.path), name, "saved")]
    assert {model.name for model in models} == {f"{name}/seed-0"}
    first, *others = [model.probabilities(digits.images[:5]) for model in models]
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_what_is_not_trained_is_not_saved(layout, params):
    experiment = Experiment("mnist-cnn", shortened(params.variant("mnist-cnn")), 0, layout)
    train_all([experiment], Inline(), lambda event: None)
    status = experiment.run.status()
    experiment.run.write_status(status.model_copy(update={"state": "stopped"}))
    with pytest.raises(UserError, match="its training is stopped: `dvc repro train@mnist-cnn` first"):
        save_model(experiment, layout.root / "saved")
    assert not (layout.root / "saved").exists()


def test_a_champion_is_averaged_over_views_as_in_its_evaluation(glands):
    model = SavedModel.load(champion_folder("warwick", ROOT))
    image = glands.images[:1]
    once, turned = (model.probabilities(each)[0] for each in (image, np.rot90(image, axes=(-2, -1)).copy()))
    np.testing.assert_allclose(np.rot90(once, axes=(-2, -1)), turned, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "warwik",
            "network 'warwik' is unknown; did you mean 'warwick'?; expected a folder .* mnist, warwick, mnist-fc",
        ),
        ("mnist-ensemble", "mnist-ensemble is an ensemble: name one of its members, mnist-best"),
        ("mnist-cnn", "out/runs/mnist-cnn/seed-0 is missing: `dvc repro train@mnist-cnn` trains it"),
    ],
)
def test_a_model_that_is_not_there_is_named(here, model, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        load_model(model)


def test_a_champion_that_was_deleted_is_named(here):
    shutil.rmtree("models/mnist")
    with pytest.raises(UserError, match="models/mnist is missing: `git checkout -- models/mnist` restores it"):
        load_model("mnist")


@pytest.mark.parametrize("damage", ["network", "weights"])
def test_a_model_that_does_not_fit_is_named(here, damage):
    path = here / "models" / "mnist" / "config.json"
    if damage == "network":
        path.write_text(path.read_text().replace("convnet", "mlp"))
    else:
        shutil.copyfile("models/warwick/model.safetensors", "models/mnist/model.safetensors")
    with pytest.raises(UserError, match=re.escape("models/mnist/config.json: it does not fit its weights")) as error:
        load_model("mnist")
    assert "\n" not in str(error.value)


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(here):
    tissue(here / "a.png"), tissue(here / "a.tif")
    with pytest.raises(UserError, match=r"a.png and .*a.tif would have the same results"):
        predict([here / "a.png", here / "a.tif"], "warwick", here / "found")
    assert not (here / "found").exists()


def test_results_are_not_written_beside_the_pictures(here):
    """Which could be called `a-mask.png`, and would be predicted the next time."""
    (here / "slides").mkdir()
    tissue(here / "slides" / "a.png")
    with pytest.raises(UserError, match=r"--out .*slides: images are there, which results could replace"):
        predict([here / "slides"], "warwick", here / "slides")
    assert [path.name for path in (here / "slides").iterdir()] == ["a.png"]


def test_a_folder_without_a_picture_is_named(here):
    (here / "empty").mkdir()
    with pytest.raises(UserError, match="empty: there is no image in this folder"):
        predict([here / "empty"], "warwick", here / "found")


def test_digits_have_no_scale():
    with pytest.raises(UserError, match="--microns-per-pixel: images of task mnist have no scale"):
        predictor_of(TASKS["mnist"], 0.5)


def test_the_table_keeps_the_rows_of_earlier_pictures(here):
    first, second = (tissue(here / f"{name}.png") for name in "ab")
    predict([first], "warwick", here / "found")
    predict([second], "warwick", here / "found")
    again = predict([first], "warwick", here / "found")
    assert again["image"].tolist() == ["a.png"]
    assert pd.read_csv(here / "found" / "predictions.csv")["image"].tolist() == ["b.png", "a.png"]


def test_a_file_is_no_folder_for_results(here):
    (here / "found").touch()
    with pytest.raises(UserError, match="--out found: it is a file: name a folder"):
        predict([tissue(here / "a.png")], "warwick", Path("found"))
