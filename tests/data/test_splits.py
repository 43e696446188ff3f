import json

import numpy as np
import pytest

from dl4ia.base.errors import DataError
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, SplitSizes, folds, load_split, patient_split, random_split, save_splits

FIFTH = SplitSizes(seed=0, validation=0.2)


@pytest.fixture
def train(glands) -> ImageSet:
    return glands.part("train")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_image_is_in_exactly_one_part(train, strategy):
    for split in STRATEGIES[strategy](train, FIFTH):
        assert sorted(split.train + split.validation) == list(range(len(train)))


@pytest.mark.parametrize(("validation", "count"), [(0.2, 17), (20, 20)])
def test_a_fraction_or_a_number_validates(train, validation, count):
    (split,) = random_split(train, SplitSizes(seed=0, validation=validation))
    assert len(split.validation) == count


@pytest.mark.field("stefyste/RIAWELC#2", "test images are copies of training images")
def test_equal_images_stay_together(train):
    copies = list(range(40)) * 2
    (split,) = random_split(train.take(copies), FIFTH)
    assert not {copies[index] for index in split.train} & {copies[index] for index in split.validation}


@pytest.mark.field("UCSD-AI4H/COVID-CT#11", "images of one patient are in training and test set")
def test_a_patient_is_on_one_side_alone(train):
    (split,) = patient_split(train, FIFTH)
    groups = np.asarray(train.groups)
    assert not set(groups[list(split.train)]) & set(groups[list(split.validation)])
    assert 0.1 < len(split.validation) / len(train) < 0.3


def test_a_random_split_shares_patients(train):
    (split,) = random_split(train, FIFTH)
    assert set(train.groups[list(split.train)]) & set(train.groups[list(split.validation)])


def test_the_seed_decides(train):
    one, other = (SplitSizes(seed=seed, validation=0.2) for seed in (1, 2))
    assert random_split(train, one) == random_split(train, one)
    assert random_split(train, one) != random_split(train, other)


def test_more_images_than_there_are_cannot_be_held_out(train):
    with pytest.raises(DataError, match="100 images cannot be held out of 85"):
        random_split(train, SplitSizes(seed=0, validation=100))


def test_a_split_is_read_as_it_was_written(tmp_path, train):
    splits = random_split(train, FIFTH)
    save_splits(tmp_path / "split.json", splits)
    assert load_split(tmp_path / "split.json", 7, len(train)) == splits[0]


def test_a_seed_has_a_fold_of_its_own(tmp_path, train):
    splits = STRATEGIES["patient-folds"](train, FIFTH)
    save_splits(tmp_path / "folds.json", splits)
    assert [load_split(tmp_path / "folds.json", seed, len(train)) for seed in range(5)] == splits
    assert load_split(tmp_path / "folds.json", 6, len(train)) == splits[1]


@pytest.mark.parametrize(
    "content",
    ["", "{}", "{", '[{"strategy": "random"}]', '[{"train": 1, "validation": 2}]', '[{"train": [], "validation": []}]'],
)
def test_a_damaged_split_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(DataError, match="split.json is not a list of splits"):
        load_split(tmp_path / "split.json", 0, 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "has no splits"),
        ([{"train": [0, 1], "validation": [1]}], "names an image twice"),
        ([{"train": [0, 10], "validation": [1]}], "is not a split of 10 images"),
    ],
)
def test_a_split_that_does_not_fit_its_images_is_named(tmp_path, content, message):
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"split.json {message}.*: run `dvc repro -f split`"):
        load_split(tmp_path / "split.json", 0, 10)


@pytest.mark.parametrize("strategy", ["random", "patient"])
def test_each_image_validates_in_one_fold(train, strategy):
    splits = folds(train, 3, strategy, 0)
    assert sorted(index for split in splits for index in split.validation) == list(range(len(train)))
    for split in splits:
        assert 0.2 < len(split.validation) / len(train) < 0.5


@pytest.mark.parametrize("name", sorted(name for name in STRATEGIES if name.startswith("patient")))
def test_no_patient_is_on_both_sides_of_a_split_by_patient(train, name):
    for split in STRATEGIES[name](train, FIFTH):
        assert split.train
        assert not {*train.groups[list(split.train)]} & {*train.groups[list(split.validation)]}


def test_a_patient_is_in_one_fold_alone(train):
    by_patient = [set(train.groups[list(split.validation)]) for split in folds(train, 3, "patient", 0)]
    assert sum(map(len, by_patient)) == len(set.union(*by_patient))
    random = [set(train.groups[list(split.validation)]) for split in folds(train, 3, "random", 0)]
    assert sum(map(len, random)) > len(set.union(*random))


def test_equal_images_are_in_one_fold(train):
    copies = list(range(40)) * 2
    for split in folds(train.take(copies), 3, "random", 0):
        assert not {copies[index] for index in split.train} & {copies[index] for index in split.validation}


@pytest.mark.parametrize("strategy", ["random-repeats", "patient-repeats"])
def test_repeats_are_other_draws_of_about_as_many_images(train, strategy):
    repeats = STRATEGIES[strategy](train, SplitSizes(seed=0, validation=0.2, repeats=5))
    assert len({split.validation for split in repeats}) == len(repeats) == 5
    for split in repeats:
        assert sorted(split.train + split.validation) == list(range(len(train)))
        assert len(split.validation) == pytest.approx(0.2 * len(train), rel=0.2)
        shared = set(train.groups[list(split.train)]) & set(train.groups[list(split.validation)])
        assert bool(shared) == (strategy == "random-repeats")


def test_the_first_random_repeat_is_the_random_split(train):
    assert STRATEGIES["random-repeats"](train, FIFTH)[0] == random_split(train, FIFTH)[0]


def test_more_splits_by_patient_than_there_are_cannot_be_drawn(train):
    few = train.take(np.flatnonzero(np.isin(train.groups, np.unique(train.groups)[:4])))
    with pytest.raises(DataError, match="20 splits by patient are wanted, found"):
        STRATEGIES["patient-repeats"](few, SplitSizes(seed=0, validation=0.25))


def test_more_folds_than_patients_cannot_be_made(train):
    with pytest.raises(DataError, match="50 folds cannot be made of"):
        folds(train, 50, "patient", 0)
