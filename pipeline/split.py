"""Which training images validate: `python -m pipeline.split`."""

from dl4ia import config
from dl4ia.data.splits import write_splits
from dl4ia.runs import Layout
from pipeline import stage


def main() -> None:
    """Write out/split/."""
    layout = Layout()
    write_splits(layout.source.parent, layout.splits, config.load().split)


if __name__ == "__main__":
    stage(main)
