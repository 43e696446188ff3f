"""Show every run on disk in MLflow, also those that came by `dvc pull`: `python -m pipeline.publish`."""

from dl4ia import config
from dl4ia.runs import Layout
from dl4ia.tracking import publish
from pipeline import stage


def main() -> None:
    """Bring MLflow up to date."""
    count = publish(config.load().variants, Layout())
    print(f"{count} runs are in MLflow: `make ui` shows them")  # noqa: T201


if __name__ == "__main__":
    stage(main)
