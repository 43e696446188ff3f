"""Which study a database has, what refuses to continue it, and which databases serve."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna_dashboard import get_note

from dl4ia.base.errors import RunError
from dl4ia.config import Choices, OnFolds
from dl4ia.config.studies import Random
from dl4ia.runs.closure import Sources
from dl4ia.runs.layout import Layout
from dl4ia.search.locks import exclusive_lock
from dl4ia.search.storage import default_url, open_study
from tests.search.conftest import disks, run, small, write_data

ADDRESSES = [
    "postgresql+psycopg://nobody@127.0.0.1:9/studies",
    "sqlite:////proc/studies.db",
    "sqlite:////dev/null/studies.db",
    "nosuchbase://here",
    "mysql://me@here/studies",
    "not an address",
]


def reopen(study, layout, **changes):
    return open_study("study", study.model_copy(update=changes), layout, default_url(layout))


@pytest.fixture
def one(grid):
    """A study of a single trial."""
    return small(grid, trials=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": 3},
        {"hours": 9.0},
        {"about": "another text"},
        {"sampler": Random(kind="random")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_decides_no_value_refuses_no_study(grid, finished, changes):
    assert len(reopen(grid, finished, **changes).trials) == 8


@pytest.mark.parametrize(
    "defaults",
    [
        {"seeds": [0, 1, 2, 3, 4, 5]},
        {"split": {"strategy": "patient"}},
        {"iterations": 9999},
        {"ema_decay": 0.0},
        {"schedule": {"kind": "constant"}},
        {"network": {"skip_connections": False}},
    ],
    ids=lambda defaults: next(iter(defaults)),
)
def test_defaults_that_a_trial_overrides_or_that_are_neutral_refuse_no_study(grid, finished, defaults):
    base = grid.base | defaults | {"network": grid.base["network"] | defaults.get("network", {})}
    assert len(reopen(grid, finished, base=base).trials) == 8


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"iterations": 3}, "iterations: 2 there, 3 now"),
        ({"evaluate_every": 2}, "evaluate_every: 1 there, 2 now"),
        ({"seed": 7}, "seed: 0 there, 7 now"),
        (
            {"objective": OnFolds(kind="folds", strategy="random", folds=2)},
            "objective.kind: 'split' there, 'folds' now",
        ),
        (
            {"space": {"regularization.strength": Choices(kind="choices", choices=(0.0, 0.5))}},
            "space.regularization.strength.choices: [0.0, 0.001, 0.005, 0.01] there, [0.0, 0.5] now",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_definition_is_refused_with_the_key_and_both_values(grid, finished, changes, difference):
    with pytest.raises(RunError, match=re.escape(f"was made with another {difference}: give the study another name")):
        reopen(grid, finished, **changes)


def test_another_setting_is_refused_with_its_key(grid, finished):
    base = grid.base | {"ema_decay": 0.9}
    with pytest.raises(RunError, match=re.escape("another fixed.ema_decay: not set there, 0.9 now")):
        reopen(grid, finished, base=base)
    base = grid.base | {"optimizer": {"kind": "adam", "learning_rate": 0.5}}
    with pytest.raises(RunError, match=re.escape("another fixed.optimizer.learning_rate: 0.01 there, 0.5 now")):
        reopen(grid, finished, base=base)


def test_another_training_partition_is_refused(grid, finished):
    disks().take(range(30)).save(finished.dataset("warwick", "train"))
    with pytest.raises(RunError, match="was made with another data: "):
        reopen(grid, finished)


def test_another_split_is_refused_where_it_validates(grid, finished):
    split = finished.split("warwick", "random")
    split.write_bytes(split.read_bytes() + b"\n")
    with pytest.raises(RunError, match="was made with another split: "):
        reopen(grid, finished)
    folds = OnFolds(kind="folds", strategy="random", folds=2)
    study = small(grid, objective=folds)
    before = open_study("folds", study, finished, default_url(finished)).key
    split.unlink()
    assert open_study("folds", study, finished, default_url(finished)).key == before


def test_another_version_of_the_code_is_refused_with_the_way_to_keep_the_trials(grid, finished, monkeypatch):
    monkeypatch.setattr("dl4ia.search.definition.study_version", lambda _: "another")
    with pytest.raises(RunError, match=r"another code: '\w{32}' there, 'another' now: `make same REV=[\w<>]+` if it"):
        reopen(grid, finished)


def test_the_version_of_the_code_depends_on_what_decides_a_value_alone():
    decide = Sources().closure({"dl4ia.search.score"})
    assert {"dl4ia.runs.experiment", "dl4ia.data.splits", "dl4ia.training.loop"} <= decide
    assert [module for module in decide if module.startswith("dl4ia.search")] == ["dl4ia.search.score"]


@pytest.mark.slow
def test_the_command_that_deletes_a_study_works_for_any_folder(one, tmp_path, monkeypatch):
    layout = Layout(tmp_path / "mein projekt ü $HOME's {x}")
    write_data(layout)
    run(one, layout)
    with pytest.raises(RunError) as raised:
        reopen(one, layout, seed=7)
    (command,) = re.findall("`(optuna delete-study .*)`", str(raised.value))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert shlex.split(command)[-1] == default_url(layout)
    assert reopen(one, layout, seed=7).trials == []


@pytest.mark.parametrize("url", ADDRESSES)
def test_a_database_that_is_not_available_is_one_line(one, search, url):
    with pytest.raises(RunError, match="no study can be kept at ") as raised:
        search(one, url=url)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:memory?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(one, search, url):
    with pytest.raises(RunError, match="expected the path of a file: workers cannot share a database in memory"):
        search(one, url=url)


def test_a_folder_is_refused(one, search, layout):
    with pytest.raises(RunError, match="expected the path of a file, and this is a folder"):
        search(one, url=f"sqlite:///{layout.root}")


def test_a_study_of_the_first_version_is_refused(grid, finished):
    study = optuna.load_study(study_name="study", storage=default_url(finished))
    study.set_user_attr("definition", {"base": {}, "code": "0"})
    with pytest.raises(RunError, match="was made with another task: not set there, 'warwick' now"):
        reopen(grid, finished)


def test_a_path_may_be_relative_or_in_the_home_folder(one, search, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    search(one, url="sqlite:///~/below/studies.db")
    search(one, url="sqlite:///here.db")
    assert (tmp_path / "home" / "below" / "studies.db").is_file()
    assert (tmp_path / "here.db").is_file()
    assert not (tmp_path / "~").exists()


def test_a_password_is_not_printed(one, search):
    with pytest.raises(RunError, match=r"kept at postgresql.*me:\*\*\*@127") as raised:
        search(one, url="postgresql+psycopg://me:secret@127.0.0.1:9/studies")
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_one_line(one, search, layout):
    (layout.root / "studies.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(RunError, match="no study can be kept at .*not a database"):
        search(one)


@pytest.mark.parametrize("function", ["dl4ia.search.score.fit_network", "dl4ia.search.run.enqueue"])
@pytest.mark.field("optuna/optuna#6036", "a storage error of one process, with a traceback that names no cause")
def test_a_database_that_fails_while_a_study_runs_is_one_line(one, search, layout, monkeypatch, function):
    monkeypatch.setattr(function, lambda *_: (layout.root / "studies.db").write_bytes(b"corrupt" * 10_000))
    with pytest.raises(RunError, match="no study can be kept at sqlite:.*"):
        search(one)


def test_a_lock_that_is_not_released_is_one_line(one, search, layout, monkeypatch):
    monkeypatch.setattr("dl4ia.search.locks._PATIENCE", 0.1)
    with (
        exclusive_lock(default_url(layout)),
        pytest.raises(RunError, match=r"studies.db.lock: another process has held it for 0.1 s"),
    ):
        search(one)


def test_dashboards_show_what_is_maximised_and_what_the_study_is_about(grid, complete):
    study = optuna.load_study(study_name="study", storage=default_url(complete))
    assert study.metric_names == ["validation dice"]
    assert study.user_attrs["about"] == get_note(study) == grid.about
