"""The pages of docs/: they build into a site, and what they show works."""

import re
import subprocess
import sys

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from dl4ia import config
from tests.conftest import ROOT
from tests.test_advice import pages

OPTIONAL = (
    "distributed",
    "dvc",
    "mlflow",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "optuna",
    "psycopg",
    "sqlalchemy",
    "vl_convert",
)
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL}))"


def test_the_site_builds_without_a_broken_link(tmp_path):
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site")))
    assert (tmp_path / "site" / "index.html").stat().st_size > 1000
    pages = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").glob("*/index.html"))
    assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?:', pages)


@pytest.mark.parametrize(("section", "name"), [("variants", "mnist-double"), ("studies", "rates")])
def test_a_row_that_a_page_shows_can_be_pasted(section, name, tmp_path):
    (row,) = re.findall(rf"```yaml\n(  {name}:.*?)```", "\n".join(pages().values()), re.DOTALL)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace(f"\n{section}:\n", f"\n{section}:\n{row}", 1), encoding="utf-8")
    assert name in getattr(config.load(tmp_path / "params.yaml", ROOT), section)


@pytest.mark.slow
def test_the_core_trains_without_dvc_mlflow_or_optuna():
    (block,) = re.findall(r"```python\n(import torch\n.*?)```", pages()["docs/core"], re.DOTALL)
    short = "import os; os.environ['OMP_NUM_THREADS'] = '1'"
    command = [sys.executable, "-c", f"{short}\n{WITHOUT}\n{block}"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert float(printed.removeprefix("validation accuracy ")) > 0.9
