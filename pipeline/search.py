"""One study, on all cores: `python -m pipeline.search STUDY`."""

from dl4ia.cli import search
from pipeline import stage


def main(name: str) -> None:
    """Write out/search/<study>/."""
    search(name)


if __name__ == "__main__":
    stage(main)
