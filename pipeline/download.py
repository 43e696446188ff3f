"""Published files, or the stand-in, to arrays: `python -m pipeline.download`."""

from pathlib import Path

from dl4ia import config
from dl4ia.data.datasets import prepare
from dl4ia.runs import Layout
from pipeline import stage


def main() -> None:
    """Write out/dataset/."""
    prepare(Path("data"), Layout().source.parent, config.load().data.source)


if __name__ == "__main__":
    stage(main)
