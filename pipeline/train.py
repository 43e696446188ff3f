"""All seeds of one variant, side by side: `python -m pipeline.train VARIANT`."""

from dl4ia import config
from dl4ia.experiment import experiments
from dl4ia.progress import Bars
from dl4ia.runs import Layout
from dl4ia.tracking.live import Live
from dl4ia.tracking.runs import RunView
from dl4ia.train import Progress, train_all
from pipeline import stage


def main(name: str) -> None:
    """Write out/runs/<variant>/."""
    layout = Layout()
    todo = experiments(name, config.load().variant(name), layout)
    with Bars() as bars, Live(layout) as live:

        def observe(progress: Progress) -> None:
            bars(progress)
            live(RunView(progress.experiment))

        train_all(todo, observe)


if __name__ == "__main__":
    stage(main)
