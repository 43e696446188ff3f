"""A workspace in which everything has been done for a moment, so that it has every kind of file."""

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from dl4ia import config
from dl4ia.config import OnSplit, Params, Study
from dl4ia.data.publication import Publication
from dl4ia.models.conv_deconv import ConvDeconv
from dl4ia.report.sources import sources, write_sources
from dl4ia.runs.evaluate import evaluate_variant
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import Experiment, experiments, train_all
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from tests.conftest import shortened
from tests.faults.binary_corruptions import archive
from tests.runs.inline import Inline

_TRAINED, EVALUATED, STUDY = "mnist-batch-norm", "warwick-decay-1e-3", "lambda"
_POINTS = 12  # of the curves: enough for a verdict on them
_TRAINABLE = ConvDeconv(kind="conv-deconv", width=2, levels=1, batch_norm=True)  # leaves chance level in as many steps


@dataclass(frozen=True)
class Prepared:
    """The workspace, and the experiments that were done there: a run, an evaluated variant and a complete study."""

    layout: Layout
    params: Params
    publication: Publication

    @property
    def root(self) -> Path:
        """The folder of the workspace."""
        return self.layout.root

    @cached_property
    def experiment(self) -> Experiment:
        """The run."""
        return experiments(self.params, [_TRAINED], self.layout)[0]

    @property
    def study(self) -> Study:
        """The study."""
        return self.params.study(STUDY)

    def train(self) -> None:
        """Train the run, or finish it from its checkpoint."""
        train_all([self.experiment], Inline(), _ignore)


def prepare(base: Path, root: Path) -> Prepared:
    """Train, evaluate and search in a copy of `base`."""
    shutil.copytree(base, root)
    layout, params = Layout(root), _short(config.load(root / "params.yaml", root))
    prepared = Prepared(layout, params, publish(root))
    prepared.train()
    train_all(experiments(params, [EVALUATED], layout), Inline(), _ignore)
    assert any(run.trained for run in evaluate_variant(EVALUATED, params, layout, Inline()).record().runs)
    run_study(STUDY, params.study(STUDY), layout, default_url(layout), Inline(), _ignore, "cpu")
    best = layout.study("joint").best  # from which the variant warwick-searched takes its settings
    best.parent.mkdir(parents=True)
    shutil.copyfile(layout.study(STUDY).best, best)
    write_sources(sources(params, layout), layout)
    layout.source("warwick").unlink()  # from now on known from results/source.json alone
    return prepared


def _short(params: Params) -> Params:
    """Return one variant of each task and one study, all of which take a moment."""
    glands = shortened(params.variant(EVALUATED), iterations=_POINTS, evaluate_every=1, network=_TRAINABLE)
    variants = {_TRAINED: shortened(params.variant(_TRAINED)), EVALUATED: glands}
    short = {"objective": OnSplit(kind="split", strategy="random"), "iterations": 2, "evaluate_every": 1, "trials": 3}
    studies = {STUDY: params.study(STUDY).model_copy(update=short)}
    return params.model_copy(update={"variants": variants, "searched": {}, "studies": studies})


def _ignore(_event: object) -> None:
    """Take an event."""


def publish(root: Path) -> Publication:
    """Write two images with masks as Warwick-QU is published, to `published/tiny` and to a zip in `archives`."""
    folder, archives = root / "published" / "tiny", root / "archives"
    folder.mkdir(parents=True)
    archives.mkdir()
    drawn = np.random.default_rng(0)
    for number in (1, 2):
        Image.fromarray(drawn.integers(0, 255, (522, 775, 3), dtype=np.uint8)).save(folder / f"train_{number}.bmp")
        mask = np.zeros((522, 775), dtype=np.uint8)
        mask[100:200, 100:300] = number
        Image.fromarray(mask).save(folder / f"train_{number}_anno.bmp")
    lines = ["name, patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    lines += [f"train_{number}, {number}, benign, adenomatous" for number in (1, 2)]
    (folder / "Grade.csv").write_text("\n".join(lines))
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    (archives / "tiny.zip").write_bytes(archive(contents))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return Publication("tiny", digests, "sha256", list, archive="tiny.zip")
