"""What a study of many real trials takes on some machines: `python -m benchmarks.growth` prints a table for docs.

It follows from results/scale.csv, which `benchmarks.scale` measured on one machine, and from a study of real trainings.
Machines are as the measured one, with a worker for each core.
"""

import math
from typing import Final, NamedTuple

import pandas as pd

TRIALS: Final = 1_000
_MACHINES, _STUDY, _CONNECTIONS = (1, 8, 64), "joint", 100  # connections that PostgreSQL allows unless configured


class Costs(NamedTuple):
    """What was measured: of a worker beside others, of the database for each trial, and of a trial."""

    cores: int  # workers of a machine
    efficiency: float  # of a worker in a cluster, if each core has one, to a single process
    stored: float  # seconds a trial beside its training, with TRIALS stored
    starter: float  # connections of the process that starts a study
    worker: float  # connections of each worker
    trial: float  # seconds of one core, mean of a real study, pruned ones included


def main() -> None:
    """Print the table."""
    costs = costs_of(pd.read_csv("results/scale.csv"), pd.read_csv(f"results/search/{_STUDY}/trials.csv"))
    print("\n".join(lines(costs)))


def costs_of(scale: pd.DataFrame, trials: pd.DataFrame) -> Costs:
    """Return the costs that the two tables have measured."""
    values = {(str(what).split(",")[-1].strip(), size): value for what, size, value in _cells(scale)}
    cores = int(scale["machine"].iloc[0].rsplit(", ", 1)[1].split()[0])
    worker = values["connections to PostgreSQL", 2] - values["connections to PostgreSQL", 1]
    return Costs(
        cores=cores,
        efficiency=values["cluster", 2] / 2 / values["local", 1],
        stored=values["seconds a trial beside its training", TRIALS],
        starter=values["connections to PostgreSQL", 1] - worker,
        worker=worker,
        trial=float(trials["seconds"].mean()),
    )


def _cells(scale: pd.DataFrame) -> list[tuple[str, int, float]]:
    return list(scale[["what", "size", "value"]].itertuples(index=False, name=None))


def lines(costs: Costs) -> list[str]:
    """Return the table, and what gives out first, in Markdown."""
    rows = ["| machines | workers | hours | busy with the database | connections |", "|---:|---:|---:|---:|---:|"]
    for machines in _MACHINES:
        workers = machines * costs.cores
        seconds = math.ceil(TRIALS / workers) * (costs.trial / costs.efficiency + costs.stored)
        share = min(1.0, TRIALS * costs.stored / seconds)
        connections = costs.starter + workers * costs.worker
        hours = max(seconds, TRIALS * costs.stored) / 3600
        rows.append(f"| {machines} | {workers} | {hours:.1f} | {share:.1%} | {connections:.0f} |")
    allowed = int((_CONNECTIONS - costs.starter) // costs.worker)
    saturated = int((costs.trial / costs.efficiency + costs.stored) // costs.stored)
    first, then = sorted([(allowed, "connections"), (saturated, "trials")])
    limits = {
        "connections": f"connections: PostgreSQL allows {_CONNECTIONS} unless `max_connections` is set, enough for "
        f"{allowed} workers",
        "trials": f"the database itself, if it does one thing at a time: {saturated} workers keep it busy",
    }
    return [*rows, "", f"First give out {limits[first[1]]}; then {limits[then[1]]}."]


if __name__ == "__main__":
    main()
