"""The tables, the figures and the page that shows them: `python -m pipeline.report`."""

from dl4ia import config
from dl4ia.report.page import write_report
from dl4ia.runs import Layout
from pipeline import stage


def main() -> None:
    """Write results/ and report/."""
    write_report(config.load(), Layout())


if __name__ == "__main__":
    stage(main)
