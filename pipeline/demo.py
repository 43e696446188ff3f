"""The whole pipeline, small, in one go: `python -m pipeline.demo`.

What `demo.yaml` has, below out/demo, with databases of its own: nothing that DVC tracks is touched. The published files
are brought to data/ where they are available, as by the download stage.
"""

import os
from pathlib import Path

from dl4ia import config
from dl4ia.cli import ending_in_one_line
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline

_PARAMS, _LAYOUT = Path("pipeline/demo.yaml"), Layout(Path("out/demo"))
_NOTICE = (
    "**A demonstration**: a few variants, two seeds each and few iterations. It shows what a report looks like; its "
    "numbers are no results."
)


def main() -> None:
    """Write out/demo/."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # a demonstration is for nobody's server
    pipeline = _pipeline()
    pipeline.download()
    pipeline.split()
    for study in pipeline.params.studies:
        pipeline.search(study)
    pipeline = _pipeline()  # with the best settings of the studies
    pipeline.train(list(pipeline.params.variants))
    pipeline.evaluate(list(pipeline.params.rows))
    pipeline.report(_NOTICE)
    pipeline.publish()
    print(f"report: {_LAYOUT.report / 'report.md'}; `make demo-ui` and `make demo-dashboard` show runs and trials")  # noqa: T201


def _pipeline() -> Pipeline:
    return Pipeline(config.load(_PARAMS, _LAYOUT.root), _LAYOUT)


if __name__ == "__main__":
    ending_in_one_line(main)
