"""One working copy of made-up results for all tests of analysis."""

import pytest

from dl4ia.analysis.questions import GROUPS
from dl4ia.analysis.tables import Result, results
from dl4ia.config import Params
from dl4ia.runs.layout import Layout
from tests.analysis.made_up import working_copy


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Params, Layout]:
    """Return settings and folders; tests only read."""
    return working_copy(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def every(copy: tuple[Params, Layout]) -> dict[str, Result]:
    """Return all results by name."""
    return {result.name: result for result in results(*copy)}


@pytest.fixture(scope="session")
def read(every: dict[str, Result]) -> dict[str, Result]:
    """Return the results by name, without those of groups that answer a question."""
    return {name: result for name, result in every.items() if result.group not in GROUPS}
