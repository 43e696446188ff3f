"""Studies that take seconds."""

import pytest

from dl4ia import config
from dl4ia.config import Study
from dl4ia.search import storage
from dl4ia.search.run import run_study

SMALL = {"objective": config.OnSplit(kind="split", strategy="random"), "iterations": 2, "evaluate_every": 1}


def small(study: Study, **changes: object) -> Study:
    """Return a study whose trials take a moment."""
    return study.model_copy(update=SMALL | changes)


@pytest.fixture
def grid(params) -> Study:
    """The eight points of lambda."""
    return small(params.studies["lambda"])


@pytest.fixture
def joint(params) -> Study:
    """Six of the narrowest nets of the joint study."""
    space = params.studies["joint"].space
    narrow = space | {"network.width": config.Choices(kind="choices", choices=(2, 3))}
    return small(params.studies["joint"], trials=6, space=narrow)


@pytest.fixture
def search(layout, monkeypatch):
    """Run a study to its end; return its directory. One worker is this process, so that it can be watched."""

    def run(study, name="study", *, workers=1, url=None):
        with monkeypatch.context() as patched:
            if workers == 1:
                patched.setattr("dl4ia.search.run.run_side_by_side", _here)
            run_study(name, study, layout, url or storage.default_url(layout), workers, lambda _: None)
        return layout.study(name)

    return run


def _here(work, jobs, on_event, **_):
    for job in jobs:
        work(job, on_event)
