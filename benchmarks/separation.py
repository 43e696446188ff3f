"""Which waists separate two glands: `python -m benchmarks.separation VARIANT FOLDER`, of the published files.

Tries values of `objects.separation` (params.yaml) on the validation images of each run of a variant that is trained on
folds by patient, and prints the contest's measures, over the folds together. No test image is opened.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from dl4ia import config
from dl4ia.execution.executor import Context
from dl4ia.execution.local import LocalProcesses
from dl4ia.metrics.objects import object_scores
from dl4ia.runs.layout import Layout
from dl4ia.runs.predictions import predictions
from dl4ia.runs.train import Experiment, experiments
from dl4ia.tasks.gland_objects import matched_objects

SEPARATIONS = (1.0, 2.0, 4.0, 8.0, 16.0, 1e9)  # pixels; the last separates nothing


def objects(job: tuple[Experiment, Path], _context: Context) -> pd.DataFrame:
    """Return the objects of the validation images of a run, with each separation."""
    experiment, folder = job
    data, split = experiment.data()
    images = data.take(split.validation)
    predicted = predictions(experiment, images, experiment.variant.test_time).log_probabilities[:, 1].exp().numpy()
    annotated = [np.asarray(Image.open(folder / f"{name}_anno.bmp")) for name in images.names]
    pairs = [(one[np.newaxis], other[np.newaxis]) for one, other in zip(predicted, annotated, strict=True)]
    tables = [matched_objects(*pair, separation).assign(separation=separation)
              for separation in SEPARATIONS for pair in pairs]  # fmt: skip
    return pd.concat(tables)


def main(name: str, folder: Path) -> None:
    """Print one row per separation."""
    runs = [(each, folder) for each in experiments(config.load(), [name], Layout())]
    matched = pd.concat(LocalProcesses().run(objects, runs, lambda _event: None))
    rows = {separation: object_scores(table) for separation, table in matched.groupby("separation")}
    print(pd.DataFrame(rows).T.round(4).to_string())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
