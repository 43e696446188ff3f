"""The whole pipeline, small, in one go: `dl4ia demo`.

What `params.yaml` beside this file has, below out/demo, with databases of its own: nothing that DVC tracks is touched.
The published files are brought to data/ where they are available, as by the download stage.
"""

import os
import shlex
from pathlib import Path

from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline

PARAMS = Path(__file__).with_name("params.yaml")
_LAYOUT = Layout(Path("out/demo"))
_NOTICE = (
    "**A demonstration**: a few variants, two seeds each and few iterations. It shows what a report looks like; its "
    "numbers are no results."
)


def run_demo() -> None:
    """Write out/demo/, and print how to look at the report, at the runs, and at a prediction."""
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
    _show_doors(pipeline)


def _pipeline() -> Pipeline:
    return Pipeline(config.load(PARAMS, _LAYOUT.root), _LAYOUT)


def _show_doors(pipeline: Pipeline) -> None:
    program = Path(".venv/bin/dl4ia")
    name, folder = program if program.exists() else "dl4ia", _LAYOUT.root / "predictions"
    command = shlex.join(map(str, (name, "predict", tissue(pipeline.data), "--out", folder)))
    print(f"the report:   {_LAYOUT.report / 'index.html'} (open it in a browser)")  # noqa: T201
    print("runs, trials: `make demo-ui` (MLflow), `make demo-dashboard` (Optuna)")  # noqa: T201
    print(f"a prediction: `{command}`")  # noqa: T201


def tissue(data: Path) -> Path:
    """Return a picture of tissue: of the published ones in `data`, else scikit-image's, which has another stain."""
    published = sorted((data / "warwick").rglob("testA_1.bmp"))
    if published:
        return published[0]
    from PIL import Image  # noqa: PLC0415
    from skimage.data import immunohistochemistry  # noqa: PLC0415

    sample = _LAYOUT.root / "tissue.png"
    with atomic_files.replacing(sample) as file:
        Image.fromarray(immunohistochemistry()).save(file, format="PNG")
    return sample
