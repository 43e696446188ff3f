"""Folders of one's own images, read into arrays; and what is said of folders that are not as they should be."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

from dl4ia.analysis.image_scores import image_scores
from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import SplitSizes
from dl4ia.tasks.folders import figures
from dl4ia.tasks.folders.dataset import ClassFolder, MaskFolder
from tests.folders import save, tiles, write_coins, write_numbers


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folders")
    write_coins(folder / "coins")
    write_numbers(folder / "numbers", each=9)
    return folder


@pytest.fixture
def root(originals, tmp_path):
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    return tmp_path


def resized(pixels):
    return np.asarray(Image.fromarray(pixels).resize((48, 48), Image.Resampling.BILINEAR)).astype(int)


def coins(**settings):
    return MaskFolder(**{"kind": "segmentation", "folder": "coins", "channels": "grey", "size": 16} | settings).task(
        "coins"
    )


def numbers(**settings):
    given = {"kind": "classification", "folder": "numbers", "size": 8, "classes": ("zero", "one", "two")}
    return ClassFolder(**given | settings).task("numbers")


def parts(task, root):
    task.write(root, root / "out")
    return [ImageSet.load(root / "out" / f"{task.name}-{part}.npz") for part in ("train", "test")]


def test_each_image_is_in_one_part_with_its_own_mask(root):
    train, test = parts(coins(size=48), root)
    assert (len(train), len(test)) == (38, 10)
    known = tiles()
    assert {*train.names} | {*test.names} == known.keys()
    for images in (train, test):
        for name, image, mask in zip(images.names, images.images, images.targets, strict=True):
            pixels, actual = known[name]
            assert np.abs(image[0] - resized(pixels)).mean() < 6  # some are JPEG files
            assert (mask == np.asarray(Image.fromarray(actual).resize((48, 48), Image.Resampling.NEAREST))).all()


def test_the_test_part_is_drawn_with_the_seed_and_has_each_class_in_proportion(root):
    _, first = parts(numbers(test=0.34), root)
    _, same = parts(numbers(test=0.34), root)
    _, other = parts(numbers(test=0.34, seed=1), root)
    assert first.names.tolist() == same.names.tolist() != other.names.tolist()
    assert np.bincount(first.targets).tolist() == [3, 3, 3]
    assert {name.split("/")[0] for name in first.names[first.targets == 1]} == {"one"}


def test_copies_of_a_file_are_in_the_same_part(root):
    for name in ("a", "b", "c", "d"):
        for kind, suffix in (("images", ".png"), ("masks", ".png")):
            shutil.copyfile(next((root / "coins" / kind).glob(f"0-0{suffix}")), root / "coins" / kind / f"{name}.png")
    for seed in range(5):
        train, test = parts(coins(seed=seed), root)
        copies = {"0-0", "a", "b", "c", "d"}
        assert copies <= {*train.names} or copies <= {*test.names}


def test_no_group_is_divided(root):
    files = sorted(path.relative_to(root / "coins").as_posix() for path in (root / "coins/images").iterdir())
    table = pd.DataFrame({"file": files, "group": [f"patient {number // 4}" for number in range(len(files))]})
    table.to_csv(root / "coins" / "patients.csv", index=False)
    task = coins(groups="patients.csv")
    train, test = parts(task, root)
    assert not {*train.groups} & {*test.groups}
    assert len({*train.groups} | {*test.groups}) == 12
    assert "patient-folds" in task.strategies
    assert "patient-folds" not in coins().strategies


@pytest.fixture
def divided(root):
    """The digits with parts that somebody has made: of each class, six images to train on, and three to test on."""
    for name in ("zero", "one", "two"):
        for number, path in enumerate(sorted((root / "numbers" / name).iterdir())):
            target = root / "numbers" / ("test" if number < 3 else "train") / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        (root / "numbers" / name).rmdir()
    return root


def test_the_parts_can_be_folders(divided):
    train, test = parts(numbers(test="folder"), divided)
    assert (np.bincount(train.targets).tolist(), np.bincount(test.targets).tolist()) == ([6, 6, 6], [3, 3, 3])


def test_a_file_in_both_folders_is_a_mistake(divided):
    first = next((divided / "numbers/train/two").iterdir())
    shutil.copyfile(first, divided / "numbers/test/two/copy.jpg")
    check(numbers(test="folder"), divided, rf"test/two/copy\.jpg is to test on, and .*{first.name} is the same file")


@pytest.mark.parametrize(("channels", "count", "kind"), [("rgb", 3, "u1"), ("grey", 1, "u1"), ("stains", 2, "f4")])
def test_images_have_the_channels_that_are_asked_for(root, channels, count, kind):
    train, _ = parts(coins(channels=channels), root)
    assert train.images.shape == (38, count, 16, 16)
    assert train.images.dtype == kind
    if channels == "rgb":  # of grey files: three equal channels
        assert (train.images[:, :1] == train.images).all()


def test_sixteen_bits_and_transparency_are_read(root):
    pixels, mask = tiles()["0-0"]
    for path in (root / "coins").glob("*/0-0.*"):
        path.unlink()
    for path in (root / "coins").glob("*/0-48.*"):
        path.unlink()
    tifffile.imwrite(root / "coins/images/0-0.tif", pixels.astype(np.uint16) << 8)
    tifffile.imwrite(root / "coins/masks/0-0.tif", mask.astype(np.uint16) * 7)  # the number of an object
    opaque = np.dstack([pixels, pixels, pixels, np.full_like(pixels, 255)])
    save(opaque, root / "coins/images/0-48.png")
    save(np.dstack([mask * np.uint8(255)] * 3 + [np.full_like(pixels, 255)]), root / "coins/masks/0-48.png")
    sets = parts(coins(size=48), root)
    read = {
        name: (image, target)
        for each in sets
        for name, image, target in zip(each.names, each.images, each.targets, strict=True)
    }
    for name in ("0-0", "0-48"):
        assert np.abs(read[name][0][0] - resized(pixels)).max() <= 1
        assert (read[name][1] == np.asarray(Image.fromarray(mask).resize((48, 48), Image.Resampling.NEAREST))).all()


def test_hidden_files_are_no_images(root):
    for name in (".DS_Store", "Thumbs.db"):
        (root / "coins/images" / name).write_bytes(b"\0")
    assert sum(map(len, parts(coins(), root))) == 48


def _empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def _keep(folder, count):
    for path in sorted(folder.iterdir())[count:]:
        path.unlink()


MISTAKES = {
    "no folder": (lambda root: shutil.rmtree(root / "coins"), r"datasets\.coins\.folder: there is no folder .*/coins$"),
    "no images": (lambda root: shutil.rmtree(root / "coins/images"), r"coins/images is missing"),
    "empty": (lambda root: [_empty(root / "coins" / kind) for kind in ("images", "masks")], r"coins/images is empty"),
    "no masks": (lambda root: _keep(root / "coins/masks", 3), r"coins/images: 45 of 48 files have none .* in masks/: "),
    "no image": (lambda root: (root / "coins/images/0-0.png").unlink(), r"coins/masks: 1 of 48 files .*: 0-0\.png$"),
    "a text": (lambda root: (root / "coins/images/0-0.png").write_text("text"), r"0-0\.png is not a readable image: "),
    "truncated": (
        lambda root: (root / "coins/images/0-0.png").write_bytes((root / "coins/images/0-0.png").read_bytes()[:300]),
        r"images/0-0\.png is not a readable image: ",
    ),
    "another size": (
        lambda root: save(np.ones((9, 7), np.uint8), root / "coins/masks/0-0.png"),
        r"masks/0-0\.png: 7x9 pixels, expected the 48x50 of .*images/0-0\.png$",
    ),
    "a lossy mask": (
        lambda root: (root / "coins/masks/0-0.png").rename(root / "coins/masks/0-0.jpg"),
        r"masks/0-0\.jpg: expected a mask in a format without loss \(\.bmp, \.png",
    ),
    "two of a name": (
        lambda root: shutil.copyfile(root / "coins/images/0-0.png", root / "coins/images/0-0.bmp"),
        r"images/0-0\.png has the same name as 0-0\.bmp",
    ),
    "another file": (lambda root: (root / "coins/images/notes.txt").touch(), r"notes\.txt: expected an image file"),
    "no foreground": (
        lambda root: [save(np.zeros((50, 48), np.uint8), path) for path in (root / "coins/masks").iterdir()],
        r"all pixels of all 38 masks to train are background, expected more than 0",
    ),
    "no background": (
        lambda root: [save(np.ones((50, 48), np.uint8), path) for path in (root / "coins/masks").iterdir()],
        r"are foreground, expected 0 in the background",
    ),
    "nothing to test on": (
        lambda root: [_keep(root / "coins" / kind, 4) for kind in ("images", "masks")],
        r"datasets\.coins\.test: 0\.2 of 4 different images leaves none to test on, expected at least 5",
    ),
    "too few to split": (
        lambda root: [_keep(root / "coins" / kind, 5) for kind in ("images", "masks")],
        r"datasets\.coins\.split: 4 images cannot be divided into 5 folds: add some to .*/coins, or state fewer folds$",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_folder_of_masks_is_named_in_one_line(root, mistake):
    make, expected = MISTAKES[mistake]
    for path in [*(root / "coins/images").glob("*")]:  # as PNG, which the mistakes name
        image = Image.open(path).convert("L")
        path.unlink()
        image.save(path.with_suffix(".png"))
    make(root)
    check(coins(), root, expected)


def test_more_images_to_validate_than_to_train_on_are_a_mistake(root):
    task = coins(split=SplitSizes(seed=0, validation=30))
    check(task, root, r"datasets\.coins\.split\.validation: 30 of 38 images, expected half of them at most")


CLASS_MISTAKES = {
    "a class is missing": (
        lambda root: shutil.rmtree(root / "numbers/two"),
        r"classes: there is no folder .*numbers/two",
    ),
    "a class is empty": (lambda root: _empty(root / "numbers/two"), r"numbers/two is empty"),
    "another class": (lambda root: (root / "numbers/three").mkdir(), r"numbers\.classes does not have three: add it"),
    "one image": (lambda root: _keep(root / "numbers/two", 1), r"class two has 1 image, of which none is to t"),
    "a loose image": (
        lambda root: shutil.copyfile(next((root / "numbers/two").iterdir()), root / "numbers/7.jpg"),
        r"numbers: 1 images are in none of the folders of the classes: 7\.jpg",
    ),
    "a text": (lambda root: next((root / "numbers/two").iterdir()).write_text("text"), r"is not a readable image"),
}


@pytest.mark.parametrize("mistake", CLASS_MISTAKES)
def test_a_mistake_in_a_folder_of_classes_is_named_in_one_line(root, mistake):
    make, expected = CLASS_MISTAKES[mistake]
    make(root)
    check(numbers(), root, expected)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (None, r"patients\.csv: expected a table with columns file and group"),
        ("image,patient\na,b\n", r"patients\.csv: expected columns file and group, got image, patient"),
        ("file,group\nimages/0-0.png,1\n", r"patients\.csv: 47 of 48 images are missing, such as images/"),
        ("file,group\nimages/0-0.png,1\nimages/0-0.png,2\n", r"patients\.csv: images/0-0\.png is there twice"),
        ('file,group\na,"1\n', r"patients\.csv: expected a table with columns file and group: .*EOF inside string"),
    ],
)
def test_a_mistake_in_the_table_of_groups_is_named_in_one_line(root, table, expected):
    if table is not None:
        (root / "coins" / "patients.csv").write_text(table)
    check(coins(groups="patients.csv"), root, expected)


def test_equal_files_are_of_one_group(root):
    """Or one could be trained on, and the other tested."""
    shutil.copyfile(root / "coins/images/0-0.png", root / "coins/images/copy.png")
    shutil.copyfile(root / "coins/masks/0-0.png", root / "coins/masks/copy.png")
    files = sorted(path.relative_to(root / "coins").as_posix() for path in (root / "coins/images").iterdir())
    table = pd.DataFrame({"file": files, "group": [f"patient {file}" for file in files]})
    table.to_csv(root / "coins" / "patients.csv", index=False)
    expected = (
        r"patients\.csv: images/0-0\.png and images/copy\.png are the same file, and of the groups "
        r"patient images/0-0\.png and patient images/copy\.png: expected one group for both"
    )
    check(coins(groups="patients.csv"), root, expected)
    table.loc[table["file"] == "images/copy.png", "group"] = "patient images/0-0.png"
    table.to_csv(root / "coins" / "patients.csv", index=False)
    assert sum(map(len, parts(coins(groups="patients.csv"), root))) == len(files)


def check(task, root, expected):
    with pytest.raises(DataError, match=expected) as raised:
        task.write(root, root / "out")
    assert "\n" not in str(raised.value)
    assert not (root / "out").exists()


@pytest.mark.parametrize(("groups", "known"), [(None, False), ("patients.csv", True)])
def test_scores_have_a_patient_where_groups_are_known(root, groups, known):
    if groups:
        files = [path.relative_to(root / "coins").as_posix() for path in (root / "coins/images").iterdir()]
        table = pd.DataFrame({"file": files, "group": [number // 4 for number in range(len(files))]})
        table.to_csv(root / "coins" / groups)
    task = coins(groups=groups)
    images = task.read(root / "coins", ("test",))
    right = torch.nn.functional.one_hot(torch.from_numpy(images.targets).long(), 2).movedim(-1, 1)
    measured = task.evaluator().measure(images, right.float().clamp(min=1e-6).log())
    assert measured.metrics["dice"] == 1
    assert ("patient" in measured.images) == known
    assert "grade" not in measured.images


def test_of_classes_in_groups_all_images_are_kept_and_a_group_counts_as_one(root):
    files = sorted(path for path in (root / "numbers").rglob("*") if path.is_file())
    names = [path.relative_to(root / "numbers").as_posix() for path in files]
    table = pd.DataFrame({"file": names, "group": [int(hashlib.sha256(path.read_bytes()).hexdigest(), 16) % 12
                                                   for path in files]})  # fmt: skip
    table.to_csv(root / "numbers/patients.csv")
    task = numbers(groups="patients.csv")
    images, evaluator = task.read(root / "numbers", ("test",)), task.evaluator()
    wrong = torch.nn.functional.one_hot((torch.from_numpy(images.targets).long() + 1) % 3, 3)
    measured = evaluator.measure(images, wrong.float().clamp(min=1e-6).log())
    kept = evaluator.kept(measured.images, test=True).assign(seed=0)
    assert kept["name"].tolist() == images.names.tolist()
    scores = image_scores(kept, pd.DataFrame({"seed": [], "count": []}), [0], evaluator, "accuracy")
    assert scores.count == len(images)
    assert scores.patients.nunique() == len({*images.groups}) < len(images)
    assert numbers().evaluator().keeps_mistakes_alone


def test_of_few_images_none_is_both_among_the_worst_and_the_best():
    evaluator = coins().evaluator()
    for count, expected in ((2, [1, 0]), (3, [2, 0]), (9, [8, 7, 6, 5, 3, 2, 1, 0])):
        table = pd.DataFrame({"dice": np.linspace(1, 0, count)})
        assert evaluator.chosen(table)[0].tolist() == expected


def examples(channels, count=2):
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, 8, 8))
    target = np.zeros((count, 8, 8), np.uint8)
    target[:, 2:5, 2:5] = 1
    return {"names": np.array(["a/" + "long" * 9] * count), "images": pixels.astype(np.uint8), "targets": target,
            "predictions": target, "score": np.ones(count)}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_a_segmentation_is_drawn_over_the_image_as_it_was_taken(channels):
    example = examples(channels)
    figure = figures.segmentations(example, "a title")
    drawn = figure.axes[0].images[0].get_array()[..., 0]
    taken = Image.fromarray(example["images"][0].transpose(1, 2, 0).squeeze()).convert("L")
    assert np.corrcoef(drawn.ravel(), np.asarray(taken).ravel())[0, 1] > 0.99
    assert figure.legends[0].get_texts()[-1].get_text() == "grey: the image"
    assert len(figure.axes[0].get_title()) < 40


def test_a_mistake_is_drawn_in_its_colours_with_names_that_fit():
    example = examples(3) | {"targets": np.array([0, 1]), "predictions": np.array([1, 0])}
    figure = figures.mistakes(example, ["invasive ductal carcinoma", "normal"], "a title")
    assert (figure.axes[0].images[0].get_array() == example["images"][0].transpose(1, 2, 0)).all()
    assert figure.axes[0].get_title().splitlines()[:2] == ["actual invasive d…", "predicted normal"]


def test_classes_without_a_mistake_have_a_matrix_alone(root):
    task = numbers()
    images = task.read(root / "numbers", ("test",))
    table = pd.DataFrame({"actual": images.targets, "predicted": images.targets, "confidence": 1.0})
    pictures = task.evaluator().pictures(images, images.targets.astype(np.int64), table, "a title")
    assert pictures.keys() == {"confusion"}
    labels = [label.get_text() for label in pictures["confusion"].axes[0].get_xticklabels()]
    assert labels == ["zero", "one", "two"]
