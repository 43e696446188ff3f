"""`make demo`."""

import pandas as pd
import pytest
from ruamel.yaml import YAML

from dl4ia import config
from pipeline.demo import small
from tests.conftest import ROOT


def test_the_demonstration_is_valid_and_small(tmp_path):
    content = small(YAML(typ="safe").load(ROOT / "params.yaml"))
    path = tmp_path / "params.yaml"
    YAML().dump(content, path)
    params = config.load(path, tmp_path)
    assert {variant.task for variant in params.variants.values()} == {"mnist", "warwick"}
    assert all(variant.settings.seeds == (0,) for variant in params.variants.values())
    assert max(variant.settings.iterations for variant in params.variants.values()) <= 300
    (best,) = params.searched.values()
    assert best.split("/")[2] in params.studies


@pytest.mark.system
def test_the_demonstration_leaves_a_report_of_networks_that_trained_and_touches_nothing_that_is_committed(
    reproduced, tmp_path
):
    workspace = reproduced.clone(tmp_path / "clone")
    (workspace.root / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("auto", "stand-in", 1))
    workspace.commit("All variants")
    output = workspace.run("python", "-m", "pipeline.demo").stdout
    assert "report: out/demo/report/report.md" in output
    demo = workspace.root / "out" / "demo"
    assert "**A demonstration**" in (demo / "report" / "report.md").read_text()
    summary = pd.read_csv(demo / "results" / "summary.csv")
    assert len(summary) == 4
    assert (summary["trained"] == 1).all()
    assert not workspace.run("git", "status", "--porcelain").stdout
