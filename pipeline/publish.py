"""Show every run and study on disk in MLflow, also those that came by `dvc pull`: `python -m pipeline.publish`."""

from dl4ia import config
from dl4ia.runs import Layout
from dl4ia.tracking.live import publish, views
from pipeline import stage


def main() -> None:
    """Bring MLflow up to date."""
    layout = Layout()
    count = publish(views(config.load(), layout), layout)
    print(f"{count} runs and studies are in MLflow: `make ui` shows them")  # noqa: T201


if __name__ == "__main__":
    stage(main)
