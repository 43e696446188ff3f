"""One working copy of made-up results, and the report of it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dl4ia.config import Params
from dl4ia.report import main
from dl4ia.report.collect import Report, collect
from dl4ia.runs.layout import Layout
from dl4ia.tasks.layers import Layers
from tests.analysis.made_up import working_copy

README = "# A title\n\n<!-- overview:begin -->\n<!-- overview:end -->\n\nMore text.\n"
DIGEST = "0" * 64
PICTURES = ("examples", "confusion")


@dataclass(frozen=True)
class Written:
    """A working copy after its report was written."""

    params: Params
    layout: Layout

    @property
    def text(self) -> str:
        """The report."""
        return (self.layout.report / "report.md").read_text(encoding="utf-8")

    @property
    def html(self) -> str:
        """The report as a page."""
        return (self.layout.report / "index.html").read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """Return all that the report stage writes."""
        folders = [*self.layout.results.rglob("*"), *self.layout.report.rglob("*"), self.layout.root / "README.md"]
        return {str(path.relative_to(self.layout.root)): path.read_bytes() for path in folders if path.is_file()}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Write the report of the made-up results, with pictures of single runs where evaluation leaves them.

    Figures are left blank: they take half a second each.
    """
    params, layout = working_copy(tmp_path_factory.mktemp("written"))
    (layout.root / "README.md").write_text(README)
    write_pictures(layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "_draw", touch)
        main.write_report(params, layout)
    return Written(params, layout)


@pytest.fixture(scope="session")
def report(written: Written) -> Report:
    """Return the values of the made-up results."""
    return collect(written.params, written.layout)


def touch(figures: Mapping[str, object], folder: Path) -> None:
    """Leave blank pictures in place of figures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in figures:
        Image.new("L", (8, 8), 255).save(folder / f"{name}.png")


def write_pictures(layout: Layout) -> None:
    """Write pictures of single runs, of the best ones and of another one."""
    for name, seed, part in (("digits-cnn", 4, "test"), ("glands-wide", 4, "test_a"), ("glands-start", 0, "test_a")):
        for kind in PICTURES:
            folder = layout.evaluation(name) / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), color=len(name + kind)).save(folder / f"{kind}-{part}.png")
    blank = np.zeros((2, 8, 8), dtype=np.uint8)
    layers = Layers(("testA_1", "testA_2"), (0.5, 0.75), blank, blank > 0, blank > 0)
    layers.save(layout.evaluation("glands-wide") / "seed-4" / "layers-test_a.png")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures."""
    monkeypatch.setattr(main, "_draw", touch)


@pytest.fixture
def clone(written: Written, tmp_path: Path) -> Iterator[Written]:
    """Copy what git keeps of the working copy: no out/."""
    root = tmp_path / "clone"
    shutil.copytree(written.layout.root, root, ignore=shutil.ignore_patterns("out"))
    yield Written(written.params, Layout(root))
    shutil.rmtree(root)


def sourced(layout: Layout, **sources: str) -> Layout:
    """Say of each task where its data come from."""
    content = {task: {"source": source, "sha256": {"train": DIGEST}} for task, source in sources.items()}
    (layout.results / "source.json").write_text(json.dumps(content))
    return layout
