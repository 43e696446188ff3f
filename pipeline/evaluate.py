"""All finished runs of one variant against the test sets: `python -m pipeline.evaluate VARIANT`."""

from dl4ia import config
from dl4ia.config import Variant
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import experiments
from dl4ia.report.pictures import draw_run
from dl4ia.runs import Layout
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.train import forget_checkpoints
from pipeline import stage


def main(name: str) -> None:
    """Write out/evaluation/<variant>/."""
    variant, layout = config.load().variant(name), Layout()
    evaluate(name, variant, layout)
    forget_checkpoints(experiments(name, variant, layout))
    with Live(layout) as live:
        for experiment in experiments(name, variant, layout):
            live(RunView(experiment))


def evaluate(name: str, variant: Variant, layout: Layout) -> None:
    """Measure and draw every finished run of a variant."""
    for folder in evaluate_variant(name, variant, layout):
        draw_run(folder)


if __name__ == "__main__":
    stage(main)
