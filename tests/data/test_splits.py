import numpy as np
import pytest

from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import Split, folds, no_validation, patient_split, random_split
from dl4ia.errors import DataError


@pytest.fixture
def train(glands) -> ImageSet:
    return glands.part("train")


@pytest.mark.parametrize(
    "split", [lambda s: random_split(s, 0.2, 0), lambda s: patient_split(s, 0.2, 0), no_validation]
)
def test_every_image_is_in_exactly_one_part(train, split):
    found = split(train)
    assert sorted(found.train + found.validation) == list(range(len(train)))


def test_a_fifth_validates(train):
    assert len(random_split(train, 0.2, 0).validation) == 17
    assert len(random_split(train, 20, 0).validation) == 20


def test_equal_images_stay_together(train):
    copies = list(range(40)) * 2
    split = random_split(train.take(copies), 0.2, 0)
    assert not {copies[index] for index in split.train} & {copies[index] for index in split.validation}


def test_a_patient_is_on_one_side_alone(train):
    split = patient_split(train, 0.2, 0)
    groups = np.asarray(train.groups)
    assert not set(groups[list(split.train)]) & set(groups[list(split.validation)])
    assert 0.1 < len(split.validation) / len(train) < 0.3


def test_a_random_split_shares_patients(train):
    split = random_split(train, 0.2, 0)
    assert set(train.groups[list(split.train)]) & set(train.groups[list(split.validation)])


def test_the_seed_decides(train):
    assert random_split(train, 0.2, 1) == random_split(train, 0.2, 1)
    assert random_split(train, 0.2, 1) != random_split(train, 0.2, 2)


def test_more_than_there_is_cannot_be_held_out(train):
    with pytest.raises(DataError, match="100 images cannot be held out of 85"):
        random_split(train, 100, 0)


def test_a_split_is_read_as_it_was_written(tmp_path, train):
    split = random_split(train, 0.2, 0)
    split.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == split


@pytest.mark.parametrize("content", ["", "[]", "{", '{"strategy": "random"}', '{"train": 1, "validation": 2}'])
def test_a_damaged_split_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(DataError, match="split.json is not a split"):
        Split.load(tmp_path / "split.json")


@pytest.mark.parametrize("strategy", ["random", "patient"])
def test_each_image_validates_in_one_fold(train, strategy):
    found = folds(train, 3, strategy, 0)
    assert sorted(index for split in found for index in split.validation) == list(range(len(train)))
    for split in found:
        assert sorted(split.train + split.validation) == list(range(len(train)))
        assert 0.2 < len(split.validation) / len(train) < 0.5


def test_a_patient_is_in_one_fold_alone(train):
    seen = [set(train.groups[list(split.validation)]) for split in folds(train, 3, "patient", 0)]
    assert sum(map(len, seen)) == len(set.union(*seen))
    random = [set(train.groups[list(split.validation)]) for split in folds(train, 3, "random", 0)]
    assert sum(map(len, random)) > len(set.union(*random))


def test_equal_images_are_in_one_fold(train):
    copies = list(range(40)) * 2
    for split in folds(train.take(copies), 3, "random", 0):
        assert not {copies[index] for index in split.train} & {copies[index] for index in split.validation}


def test_more_folds_than_patients_cannot_be_made(train):
    with pytest.raises(DataError, match="objective.folds: 50 folds cannot be made of"):
        folds(train, 50, "patient", 0)
