"""The short trainings by which two revisions are compared."""

import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest

from dl4ia.base.errors import UserError
from dl4ia.data.augmentation import AUGMENTATIONS
from dl4ia.equivalence.comparison import Answer, _compare, _same_versions, stamp_if_same
from dl4ia.equivalence.recipes import Recipe, recipes, write_data
from dl4ia.equivalence.trainings import Job, code_versions, result
from dl4ia.execution.executor import Context
from dl4ia.models import NETWORKS
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import ResultDirectory
from dl4ia.tasks import task_of
from dl4ia.training.losses import LOSSES
from dl4ia.training.optimizers import OPTIMIZERS
from dl4ia.training.schedules import SCHEDULES
from tests.conftest import ROOT

CONTEXT = Context(lambda _: None, lambda: False)


@pytest.fixture
def few(params):
    """A training of each task, of which the quicker one is evaluated, and a study's trial."""
    todo, short = recipes(params), {"iterations": 4, "evaluate_every": 2}
    digits, glands = (next(recipe for recipe in todo if recipe.task == task) for task in ("mnist", "warwick"))
    trial = next(recipe for recipe in todo if recipe.study)
    return [
        replace(digits, settings=digits.settings | short),
        replace(glands, settings=glands.settings | short, evaluated=False),
        replace(trial, study=trial.study | short),
    ]


@pytest.fixture
def work(layout, params, tmp_path, monkeypatch) -> Layout:
    """A few images of each task, from the working copy in the current folder."""
    monkeypatch.chdir(layout.root)
    work = Layout(tmp_path / "work")
    write_data(params, work)
    return work


@pytest.mark.parametrize(
    ("registry", "section"),
    [(NETWORKS, "network"), (OPTIMIZERS, "optimizer"), (SCHEDULES, "schedule"), (LOSSES, "loss")],
)
def test_every_kind_is_in_a_recipe(params, registry, section):
    defaults = {"schedule": {"kind": "constant"}, "loss": {"kind": "cross-entropy"}}  # left out of settings
    used = {(defaults | recipe.settings)[section]["kind"] for recipe in recipes(params) if recipe.settings}
    assert used == set(registry)


def test_every_augmentation_is_in_a_recipe_of_each_task_that_allows_it(params):
    settings = [recipe.settings for recipe in recipes(params) if recipe.settings]
    assert {each["kind"] for section in settings for each in section.get("augmentation", ())} == set(AUGMENTATIONS)


def test_a_network_of_each_kind_is_evaluated(params):
    evaluated = [recipe for recipe in recipes(params) if recipe.evaluated]
    assert {recipe.settings["network"]["kind"] for recipe in evaluated} == set(NETWORKS)
    assert {recipe.task for recipe in evaluated} == set(params.split)


def test_every_variant_and_study_is_in_a_recipe(params):
    """Or another that differs from it in rates and strengths alone."""
    kinds = {(recipe.task, recipe.settings["network"]["kind"]) for recipe in recipes(params) if recipe.settings}
    assert {(variant.task, variant.settings.network.kind) for variant in params.variants.values()} <= kinds
    assert [recipe.name for recipe in recipes(params) if recipe.study] == [
        f"trial of {name}" for name in params.studies
    ]


@pytest.mark.slow
def test_a_recipe_has_the_same_result_twice_and_another_with_another_seed(few, work, tmp_path):
    for recipe in few:
        again = Layout(tmp_path / "again")
        (again.root / "out").mkdir(parents=True, exist_ok=True)
        for name in ("dataset", "split"):
            if not (again.root / "out" / name).exists():
                (again.root / "out" / name).symlink_to(work.root / "out" / name)
        read = Recipe(**json.loads(json.dumps(asdict(recipe))))
        first = result(Job(recipe, work), CONTEXT)
        assert first == result(Job(read, again), CONTEXT)
        section = "study" if recipe.study else "settings"
        other = {"batch_size": 7} if section == "settings" else {"seed": 1}
        changed = replace(recipe, name="other", evaluated=False, **{section: getattr(recipe, section) | other})
        assert first != result(Job(changed, work), CONTEXT)


@pytest.mark.slow
def test_an_evaluation_is_part_of_the_result(few, work):
    digits = few[0]
    assert digits.evaluated
    assert result(Job(digits, work), CONTEXT) != result(Job(replace(digits, evaluated=False), work), CONTEXT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "warwick"])
def test_an_evaluation_computes_all_that_a_task_measures(few, work, name):
    recipe = next(recipe for recipe in few if recipe.task == name and recipe.settings)
    assert result(Job(replace(recipe, evaluated=True), work), CONTEXT) is not None
    measured = [
        set(ResultDirectory(path).table("metrics")["metric"]) for path in work.results.iterdir() if path.is_dir()
    ]
    assert len(measured) == 2  # of the variant and its ensemble
    assert [set(task_of(name).measured) - metrics for metrics in measured] == [set(), set()]


def test_settings_that_a_revision_does_not_know_have_no_result(few, work):
    unknown = replace(few[0], settings=few[0].settings | {"dropout": 0.5})
    assert result(Job(unknown, work), CONTEXT) is None


def answer(digests, versions):
    rows = {name: {"for": settings, "version": version} for name, settings, version in versions}
    return Answer(digests, {"variants": rows, "studies": {}, "evaluation": {}})


RECIPES = [Recipe("one", "mnist"), Recipe("two", "mnist")]


def test_results_that_differ_are_refused(capsys):
    with pytest.raises(UserError, match="1 of 2 trainings have other results than with abc: nothing recorded"):
        _compare(RECIPES, answer(["a", "b"], []), answer(["a", "c"], []), "abc")
    assert capsys.readouterr().out.splitlines() == ["same       mnist: one", "different  mnist: two"]


def test_what_is_new_is_not_compared(capsys):
    _compare(RECIPES, answer(["a", None], []), answer(["a", "c"], []), "abc")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "new        mnist: two",
        "1 of 2 trainings are the same to the bit as with abc",
    ]


def test_nothing_to_compare_is_refused():
    with pytest.raises(UserError, match="abc cannot read any of these settings"):
        _compare(RECIPES, answer([None, None], []), answer(["a", "c"], []), "abc")


def test_versions_are_recorded_of_what_has_the_same_settings():
    before = answer([], [("same", 1, "old"), ("edited", 1, "old"), ("as it was", 1, "kept")])
    now = answer([], [("same", 1, "new"), ("edited", 2, "other"), ("added", 1, "new"), ("as it was", 1, "kept")])
    assert list(_same_versions(before, now)) == [("new", "old")]


def test_versions_of_all_variants_and_studies_are_known(params):
    versions = code_versions(params)
    assert versions["variants"].keys() == params.variants.keys()
    assert versions["studies"].keys() == params.studies.keys()
    assert versions["evaluation"].keys() == {*params.rows, *params.searched}


def test_without_git_there_is_no_revision(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="git, which has the code of the revision, is not installed"):
        stamp_if_same("HEAD")


@pytest.mark.parametrize("revision", ["no-such-revision", "--help"])
def test_an_unknown_revision_is_one_line(revision, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=f"'{revision}' is no commit of this repository"):
        stamp_if_same(revision)


def test_a_revision_older_than_the_comparison_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "Before"]):
        subprocess.run(["git", *words], check=True)
    with pytest.raises(UserError, match="HEAD is older than `make same`"):
        stamp_if_same("HEAD")
