"""The whole pipeline, small, in one go: `python -m pipeline.demo`.

Every variant, one seed and few iterations, below out/demo, with an MLflow database of its own: nothing that DVC tracks
is touched. The published files are brought to data/ where they can be had, as by the download stage.
"""

from pathlib import Path

from dl4ia import config
from dl4ia.config import Params, Variant
from dl4ia.data.datasets import prepare
from dl4ia.data.splits import write_splits
from dl4ia.experiment import experiments, train_all
from dl4ia.parallel import Emit, run_side_by_side
from dl4ia.progress import Bars
from dl4ia.report.page import write_report
from dl4ia.runs import Layout
from dl4ia.tracking.live import publish, views
from pipeline import stage
from pipeline.evaluate import evaluate

_FRACTION = 20  # of the iterations of the real thing
_POINTS = 5  # of each curve
_NOTICE = (
    f"**A demonstration**: one seed and a {_FRACTION}th of the iterations. It shows what there is to see; its figures "
    "are no results."
)


def main() -> None:
    """Write out/demo/."""
    params, layout = small(config.load()), Layout(Path("out/demo"))
    prepare(Path("data"), layout.source.parent, params.data.source)
    write_splits(layout.source.parent, layout.splits, params.split)
    todo = [item for name, variant in params.variants.items() for item in experiments(name, variant, layout)]
    with Bars() as bars:
        train_all(todo, bars)
    jobs = [(name, variant, layout) for name, variant in params.variants.items()]
    run_side_by_side(_evaluate, jobs, print)
    write_report(params, layout, _NOTICE)
    count = publish(views(params, layout), layout)
    print(f"report: {layout.report / 'report.md'}\nMLflow: {count} runs, `make demo-ui` shows them")  # noqa: T201


def _evaluate(job: tuple[str, Variant, Layout], _emit: Emit) -> None:
    evaluate(*job)


def small(params: Params) -> Params:
    """Return the same experiments with the first seed alone and a fraction of the iterations."""
    variants = {}
    for name, variant in params.variants.items():
        settings = variant.settings
        fewer = {
            "seeds": settings.seeds[:1],
            "iterations": max(1, settings.iterations // _FRACTION),
            "evaluate_every": max(1, settings.iterations // _FRACTION // _POINTS),
        }
        variants[name] = variant.model_copy(update={"settings": settings.model_copy(update=fewer)})
    return params.model_copy(update={"variants": variants})


if __name__ == "__main__":
    stage(main)
