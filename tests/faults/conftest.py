"""Data that all copies start from."""

from pathlib import Path

import pytest

from tests.copies import with_data


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return with_data(tmp_path_factory.mktemp("base")).root
