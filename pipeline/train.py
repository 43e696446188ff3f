"""All seeds of one variant, side by side: `python -m pipeline.train VARIANT`."""

from dl4ia import config
from dl4ia.experiment import experiments, train_all
from dl4ia.runs import Layout
from pipeline import stage


def main(name: str) -> None:
    """Write out/runs/<variant>/."""
    todo = experiments(name, config.load().variant(name), Layout())
    train_all(todo, print)


if __name__ == "__main__":
    stage(main)
