"""Data that all workspaces start from."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, write_data


@pytest.fixture(scope="session")
def base(tmp_path_factory, digits, few_glands) -> Path:
    """A folder with params.yaml, a few hundred digits, some drawn glands and their splits; not to be changed."""
    layout = write_data(tmp_path_factory.mktemp("base"), digits, few_glands)
    shutil.copyfile(ROOT / "params.yaml", layout.root / "params.yaml")
    return layout.root
