"""How deep a waist has to be to separate two glands: `python -m benchmarks.separation VARIANT`.

Tries values of `gland_objects.DEPTH` on the validation images of each run of a variant that is trained on folds by
patient, and prints the contest's measures, as means over the folds. No test image is opened.
"""

import sys

import pandas as pd

from dl4ia import config
from dl4ia.execution.executor import Context
from dl4ia.execution.local import LocalProcesses
from dl4ia.metrics.objects import object_scores
from dl4ia.runs.layout import Layout
from dl4ia.runs.predictions import predictions
from dl4ia.runs.train import Experiment, experiments
from dl4ia.tasks.gland_objects import matched_objects

DEPTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 1e9)  # pixels of the published image; the last separates nothing


def scores(experiment: Experiment, _context: Context) -> list[dict[str, float]]:
    """Return the measures of the validation images of a run at each depth."""
    data, split = experiment.data()
    images = data.take(split.validation)
    predicted = predictions(experiment, images, experiment.variant.test_time).log_probabilities[:, 1].exp().numpy()
    assert images.objects is not None
    return [{"depth": depth, **object_scores(matched_objects(predicted, images.objects, depth))} for depth in DEPTHS]


def main(name: str) -> None:
    """Print a row a depth."""
    runs = experiments(config.load(), [name], Layout())
    rows = [row for each in LocalProcesses().run(scores, runs, lambda _event: None) for row in each]
    print(pd.DataFrame(rows).groupby("depth").mean().round(4).to_string())


if __name__ == "__main__":
    main(sys.argv[1])
