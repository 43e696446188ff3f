"""The whole pipeline, small, in one go: `python -m pipeline.demo`.

Every study and variant, one seed and few iterations, below out/demo, with databases of its own: nothing that DVC tracks
is touched. The published files are brought to data/ where they can be had, as by the download stage.
"""

from pathlib import Path

from joblib import cpu_count

from dl4ia import config
from dl4ia.config import Params, Study, Variant
from dl4ia.data.datasets import prepare
from dl4ia.data.splits import write_splits
from dl4ia.experiment import experiments
from dl4ia.parallel import Emit, run_side_by_side
from dl4ia.progress import Bars, TrialBar
from dl4ia.report.page import write_report
from dl4ia.runs import Layout
from dl4ia.search.run import run_study
from dl4ia.search.storage import default_url
from dl4ia.tracking.live import publish, views
from dl4ia.train import forget_checkpoints, train_all
from pipeline import stage
from pipeline.evaluate import evaluate

_FRACTION = 20  # of the iterations of the real thing
_STUDY_FRACTION = 50  # of a trial's
_TRIALS = 6  # of a study that is no grid
_POINTS = 5  # of each curve
_NOTICE = (
    f"**A demonstration**: one seed and a {_FRACTION}th of the iterations. It shows what there is to see; its figures "
    "are no results."
)


def main() -> None:
    """Write out/demo/."""
    layout = Layout(Path("out/demo"))
    params = small(config.load(root=layout.root))
    prepare(Path("data"), layout.source.parent, params.data.source)
    write_splits(layout.source.parent, layout.splits, params.split)
    for name, study in params.studies.items():
        with TrialBar(name) as bar:
            run_study(name, study, layout, default_url(layout), cpu_count(), bar)
    params = small(config.load(root=layout.root))  # with what the studies have found
    todo = [item for name, variant in params.variants.items() for item in experiments(name, variant, layout)]
    with Bars() as bars:
        train_all(todo, bars)
    jobs = [(name, variant, layout) for name, variant in params.variants.items()]
    run_side_by_side(_evaluate, jobs, print)
    forget_checkpoints(todo)
    write_report(params, layout, _NOTICE)
    count = publish(views(params, layout), layout)
    print(f"report: {layout.report / 'report.md'}\nMLflow: {count} runs and studies, `make demo-ui` shows them")  # noqa: T201


def _evaluate(job: tuple[str, Variant, Layout], _emit: Emit) -> None:
    evaluate(*job)


def small(params: Params) -> Params:
    """Return the same experiments with the first seed alone and a fraction of the iterations, and small studies."""
    variants = {}
    for name, variant in params.variants.items():
        settings = variant.settings
        fewer = {
            "seeds": settings.seeds[:1],
            "iterations": max(1, settings.iterations // _FRACTION),
            "evaluate_every": max(1, settings.iterations // _FRACTION // _POINTS),
        }
        variants[name] = variant.model_copy(update={"settings": settings.model_copy(update=fewer)})
    studies = {name: _small(study) for name, study in params.studies.items()}
    return params.model_copy(update={"variants": variants, "studies": studies})


def _small(study: Study) -> Study:
    iterations = max(1, study.iterations // _STUDY_FRACTION)
    trials = study.trials if study.sampler.kind == "grid" else _TRIALS
    every = max(1, iterations // _POINTS)
    return study.model_copy(update={"iterations": iterations, "evaluate_every": every, "trials": trials})


if __name__ == "__main__":
    stage(main)
