"""One empty MLflow database and one training, copied for each test: to make them takes seconds."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from dl4ia.config import Choices, Ensemble, OnFolds, Params
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, save_splits
from dl4ia.runs.evaluate import evaluate_ensemble, evaluate_variant
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import Experiment, experiments, train_all
from dl4ia.tasks.mnist_files import digit_set
from dl4ia.tracking.live import publish, views
from dl4ia.tracking.mlflow import connect
from dl4ia.tracking.runs import RunView
from dl4ia.tracking.studies import StudyView
from tests.conftest import SIZES, shortened
from tests.runs.inline import Inline
from tests.search.conftest import run, small, write_data

NAME, ENSEMBLE, GROUP = "mnist-fc", "mnist-ensemble", "mnist-classification"


@pytest.fixture(scope="package", autouse=True)
def _no_other_database():
    with pytest.MonkeyPatch.context() as context:
        context.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="package", autouse=True)
def _no_waiting_for_disks():
    """Let SQLite trust the operating system: nothing here is about a power cut."""

    def trust(connection, _):
        if isinstance(connection, sqlite3.Connection):
            with suppress(sqlite3.DatabaseError):  # a file that is no database
                connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", trust)
    yield
    event.remove(Engine, "connect", trust)


@pytest.fixture(scope="session")
def empty(tmp_path_factory) -> Path:
    """An MLflow database without experiments."""
    layout = Layout(tmp_path_factory.mktemp("empty"))
    connect(layout)
    return layout.root / "mlflow.db"


@pytest.fixture(scope="session")
def short(params) -> Params:
    """Two seeds of a variant that train in a moment, and their ensemble."""
    about = "both seeds"
    ensemble = Ensemble(task="mnist", exercise="1.1", about=about, reported={}, members=(NAME,))
    variants = {NAME: shortened(params.variant(NAME), seeds=(0, 1))}
    return params.model_copy(update={"variants": variants, "ensembles": {ENSEMBLE: ensemble}, "studies": {}})


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory, digits, short) -> Layout:
    """A working copy in which they are trained and evaluated, to be read."""
    torch.set_num_threads(1)
    layout = Layout(tmp_path_factory.mktemp("evaluated"))
    write_digits(layout, digits)
    train_all(experiments(short, [NAME], layout), Inline(), lambda _: None)
    evaluate_variant(NAME, short, layout, Inline())
    evaluate_ensemble(ENSEMBLE, short, layout, Inline())
    return layout


def write_digits(layout: Layout, digits: ImageSet) -> None:
    train, rest = digits.take(range(100)), digits.take(range(100, 200))
    train.save(layout.dataset("mnist", "train"))
    digit_set(rest.images, rest.targets, "test").save(layout.dataset("mnist", "test"))
    sha256 = hashlib.sha256(layout.dataset("mnist", "train").read_bytes()).hexdigest()
    layout.source("mnist").write_text(json.dumps({"source": "stand-in", "sha256": {"train": sha256}}))
    save_splits(layout.split("mnist", "random"), STRATEGIES["random"](train, SIZES["mnist"]))


@pytest.fixture
def layout(tmp_path, evaluated, empty) -> Layout:
    """A working copy in which all is trained and evaluated, with an empty MLflow database, to be changed."""
    shutil.copytree(evaluated.root, tmp_path / "copy")
    shutil.copyfile(empty, tmp_path / "copy" / "mlflow.db")
    return Layout(tmp_path / "copy")


@pytest.fixture
def experiment(short, layout) -> Experiment:
    return experiments(short, [NAME], layout)[0]


@pytest.fixture(scope="session")
def public(tmp_path_factory, evaluated, empty, short) -> Layout:
    """A working copy in which all is trained, evaluated and published, to be read."""
    root = tmp_path_factory.mktemp("public") / "copy"
    shutil.copytree(evaluated.root, root)
    shutil.copyfile(empty, root / "mlflow.db")
    layout = Layout(root)
    assert publish(views(short, layout), layout) == 3
    return layout


@pytest.fixture(scope="session")
def searched(tmp_path_factory, params) -> StudyView:
    """A study some of whose trials fail, and some of whose trials are pruned, to be read."""
    torch.set_num_threads(1)
    layout = Layout(tmp_path_factory.mktemp("searched"))
    write_data(layout)
    joint = params.study("joint")
    space = {
        "network.width": Choices(kind="choices", choices=(4, 2)),
        "optimizer.learning_rate": Choices(kind="choices", choices=(0.03, 1e30, 0.01)),
    }
    study = small(
        joint,
        space=space,
        trials=6,
        sampler=params.study("lambda").sampler,
        pruner=joint.pruner.model_copy(update={"startup": 1}),
        objective=OnFolds(kind="folds", strategy="random", folds=2),
    )
    run(study, layout)
    return StudyView("study", study, layout)


@pytest.fixture
def study(tmp_path, searched, empty) -> StudyView:
    """The same study in a copy with an empty MLflow database, to be changed."""
    shutil.copytree(searched.layout.root, tmp_path / "study")
    shutil.copyfile(empty, tmp_path / "study" / "mlflow.db")
    return StudyView("study", searched.study, Layout(tmp_path / "study"))


def client_of(layout: Layout) -> MlflowClient:
    return MlflowClient(f"sqlite:///{layout.root}/mlflow.db")


def runs_of(layout: Layout, group: str = GROUP):
    """Return all that is in an experiment, by name."""
    client = client_of(layout)
    experiment = client.get_experiment_by_name(group)
    runs = [client.get_run(run.info.run_id) for run in client.search_runs([experiment.experiment_id])]
    assert len({run.info.run_name for run in runs}) == len(runs)
    return {run.info.run_name: run for run in runs}


def published(experiment: Experiment):
    """Return the run of an experiment, published."""
    assert publish([RunView(experiment)], experiment.layout) == 1
    return runs_of(experiment.layout)[f"{experiment.name}/seed-{experiment.seed}"]
