"""A row a run, and a row a variant."""

import math
from collections.abc import Iterable

import pandas as pd

from dl4ia.config import Params
from dl4ia.errors import RunError
from dl4ia.evaluation import CLASSES, read_figures
from dl4ia.experiment import experiments, network_for
from dl4ia.metrics.statistics import summarize
from dl4ia.models.layers import weight_count
from dl4ia.runs import Layout

SCORE = {"mnist": "accuracy", "warwick": "dice"}
TEST = {"mnist": "test_accuracy", "warwick": "test_a_dice"}
_INFORMED = 0.99  # of the loss of equal guesses, ln(classes), below which a network tells something
_KEYS = ["variant", "task", "exercise", "seed", "state", "learned", "threads", "train_seconds"]


def runs_table(params: Params, layout: Layout) -> pd.DataFrame:
    """Return a row a run: how it went, and every metric of it that was evaluated.

    A run has `learned` if it gets anything right in its training images and its loss there is below that of equal
    guesses: a network whose ReLUs died says the same everywhere.
    """
    rows = []
    for name, variant in params.variants.items():
        for experiment in experiments(name, variant, layout):
            status = experiment.run.status
            row = {"variant": name, "task": variant.task, "exercise": variant.exercise, "seed": experiment.seed}
            row |= {"state": status["state"], "threads": status["threads"], "train_seconds": status["seconds"]}
            if experiment.run.finished:
                found = layout.evaluation(name) / "runs" / f"seed-{experiment.seed}" / "metrics.json"
                metrics = {key.replace("/", "_"): value for key, value in read_figures(found, variant.task).items()}
                uninformed = math.log(len(CLASSES[variant.task]))
                learned = metrics["train_loss"] < _INFORMED * uninformed and metrics[f"train_{SCORE[variant.task]}"] > 0
                row |= metrics | {"learned": learned}
            rows.append(row)
    table = pd.DataFrame(rows)
    tasks = dict.fromkeys(variant.task for variant in params.variants.values())
    validation = [f"validation_{SCORE[task]}" for task in tasks]  # also where every variant trains on all images
    return table.reindex(columns=list(dict.fromkeys([*_KEYS, *table.columns, *validation])))


def metrics_of(runs: pd.DataFrame) -> list[str]:
    """Return the columns of the runs' table that hold evaluated metrics."""
    return [str(column) for column in runs if column not in _KEYS]


def summary_table(params: Params, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a variant: mean, sd and 95 % interval over finished seeds of each metric, and the reported one."""
    rows = []
    for name, variant in params.variants.items():
        finished = runs[(runs["variant"] == name) & (runs["state"] == "finished")]
        if finished.empty:
            raise RunError(f"no run of {name} was evaluated: run `dvc repro`")
        network = network_for(variant)
        row = {"variant": name, "task": variant.task, "exercise": variant.exercise, "seeds": len(finished)}
        row |= {"learned": int(finished["learned"].sum()), "weights": weight_count(network)}
        row |= {"parameters": sum(parameter.numel() for parameter in network.parameters())}
        row |= {"train_seconds": float(finished["train_seconds"].mean())}
        for metric in metrics_of(runs):
            row |= spread(metric, finished[metric])
        row |= {"reported": variant.reported.get(TEST[variant.task], math.nan)}
        rows.append(row)
    return pd.DataFrame(rows)


def spread(metric: str, values: Iterable[float]) -> dict[str, float]:
    """Return `<metric>_mean`, `_sd`, `_low` and `_high` of the values that are there."""
    found = summarize([value for value in values if not math.isnan(value)])
    return {f"{metric}_{part}": getattr(found, part) for part in ("mean", "sd", "low", "high")}
