"""All finished runs of one variant against the test sets: `python -m pipeline.evaluate VARIANT`."""

from dl4ia import config
from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import experiments
from dl4ia.report.figures import draw_run
from dl4ia.runs import Layout
from dl4ia.tracking import Live
from pipeline import stage


def main(name: str) -> None:
    """Write out/evaluation/<variant>/."""
    variant, layout = config.load().variant(name), Layout()
    with Live(layout) as live:
        for folder in evaluate_variant(name, variant, layout):
            draw_run(folder)
        for experiment in experiments(name, variant, layout):
            live(experiment)


if __name__ == "__main__":
    stage(main)
