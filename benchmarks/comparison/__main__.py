"""`python -m benchmarks.comparison`, from the project's root, on a machine with nothing else to do.

Trains the MNIST network, the Warwick network and a U-Net in all ways of `benchmarks/comparison/contenders`, and
measures what is around a training and a search. Needs images in out/dataset and 12 GB of memory; 45 minutes on two
cores. Writes `results/benchmark.csv`, the tables of docs/performance.md and docs/benchmark.png. Ends in an error if
something failed; the rest is written all the same.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.comparison import costs, figure, page, profiles, rows, searching, stages, trainings
from benchmarks.comparison.goals import goals
from benchmarks.comparison.problems import PROBLEMS
from benchmarks.comparison.rows import Row


def main() -> None:
    """Measure, write, and print which goals are met."""
    measured = _Measured()
    for problem in PROBLEMS.values():
        trained = measured.add(trainings.measure(problem, measured.fail))
        measured.add(costs.command(problem, trained))
        measured.add(costs.parts(problem))
    measured.add(searching.measure())
    measured.add(costs.around())
    measured.add(stages.measure())
    if measured.rows:
        _write(measured.rows)
    if measured.failures:
        sys.exit("\n".join(["error: not everything could be measured:", *measured.failures]))


def _write(measured: list[Row]) -> None:
    table = rows.write(measured)
    reached = goals(table)
    for goal in reached:
        print(f"{'met' if goal.met else 'MISSED':8}{goal.name}: {goal.measured}, {goal.bound}")
    page.write(table, reached, profiles.of(PROBLEMS))
    figure.main()


@dataclass
class _Measured:
    """All rows so far, and what failed."""

    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, measuring: Iterator[Row]) -> list[Row]:
        """Measure, and return the rows; what fails is printed, and keeps nothing else from being measured."""
        before = len(self.rows)
        try:
            for row in measuring:
                print(row, flush=True)
                self.rows.append(row)
        except Exception as error:  # noqa: BLE001
            self.fail(f"{type(error).__name__}: {error}")
        return self.rows[before:]

    def fail(self, reason: str) -> None:
        """Note what failed."""
        print(reason, flush=True)
        self.failures.append(reason)


if __name__ == "__main__":
    main()
