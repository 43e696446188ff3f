"""The package as others install it: a wheel, outside of the repository, without optional packages."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.test_docs import WITHOUT


def elsewhere():
    """Return the variables of a process that does not look into this repository."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment with the wheel, and with nothing of this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("src", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True, env=elsewhere())
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))  # what it needs, which takes minutes to install
    return python


@pytest.mark.slow
def test_an_installed_package_predicts_outside_of_the_repository_without_optional_packages(installed, tmp_path):
    Image.fromarray(np.diag(np.full(40, 255, dtype=np.uint8))).save(tmp_path / "x.png")
    script = f"{WITHOUT}\nfrom dl4ia.cli import main\nmain('predict', 'x.png', '--model', 'mnist')"
    subprocess.run([installed, "-c", script], cwd=tmp_path, env=elsewhere(), check=True)
    assert list(pd.read_csv(tmp_path / "predictions" / "predictions.csv")["image"]) == ["x.png"]


@pytest.mark.slow
def test_a_wheel_has_types_templates_and_the_terms_of_the_weights(installed):
    root = installed.parents[1]
    (package,) = root.glob("lib/python*/site-packages/dl4ia")
    assert {"py.typed", "demo", "report"} <= {path.name for path in package.iterdir()}
    assert (package / "demo" / "params.yaml").exists()
    assert list((package / "report").glob("*.j2"))
    assert "no commercial use" in (root / "share" / "dl4ia" / "models" / "README.md").read_text(encoding="utf-8")
