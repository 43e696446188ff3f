"""What a training, an evaluation or a study has resulted in, as a line for the terminal."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from dl4ia.config import Study
from dl4ia.report import formats, names
from dl4ia.runs.results import ResultDirectory, left_chance_level
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.runs.train import Experiment
from dl4ia.tasks import Task, task_of

if TYPE_CHECKING:
    import pandas as pd


def trained_line(name: str, experiments: Sequence[Experiment], reported: Mapping[str, float] | None = None) -> str:
    """Return the last validation score of the runs that left chance level; of training where nothing was held out.

    `reported` are values that the report gives of this variant, which stand beside it.
    """
    finished = [each for each in experiments if each.run.status().state == "finished"]
    task = task_of(experiments[0].variant.task)
    last = [each.run.history().iloc[-1] for each in finished]
    trained = [row for row in last if _left_chance_level(row, task)]
    part = next((part for part in ("validation", "train") if trained and f"{part}/{task.metric}" in trained[0]), "")
    scores = [row[f"{part}/{task.metric}"] for row in trained]
    score = f"{names.part(part)} {names.score(task.metric)} {mean_sd(scores)} " if trained else ""
    stuck = f", {len(last) - len(trained)} at chance level" if len(last) > len(trained) else ""
    beside = _reported(reported or {}, task)
    return f"{name}: {score}({len(finished)} of {len(experiments)} runs finished{stuck}){beside}"


def _left_chance_level(row: "pd.Series[float]", task: Task) -> bool:
    return left_chance_level({("train", key): row[f"train/{key}"] for key in ("loss", task.metric)}, task)


def _reported(values: Mapping[str, float], task: Task) -> str:
    """Return the reported score on the first test set, if there is one."""
    value = values.get(task.headline_metric)
    return "" if value is None else f"; reported: {names.metric(task.headline_metric, task.test_sets)} {value:.3f}"


def evaluated_line(name: str, result: ResultDirectory, reported: Mapping[str, float] | None = None) -> str:
    """Return the test scores of the runs that trained, beside the one that the report gives."""
    record = result.record()
    trained, runs = sum(run.trained for run in record.runs), len(record.runs)
    scores = ", ".join(f"{metric} {mean_sd(values)}" for metric, values in test_scores(result).items())
    beside = _reported(reported or {}, task_of(record.task))
    return f"{name}: {scores + ' ' if trained else ''}({trained} of {runs} runs trained){beside}"


def validated_line(name: str, result: ResultDirectory) -> str:
    """Return the validation score of a variant's runs in `results/`, to compare with; of training without any."""
    runs, scores = result.record().runs, _scores(result)
    part = "validation" if "validation" in scores else "train"
    metric = f"{names.part(part)} {names.score(task_of(result.record().task).metric)}"
    score = f"{metric} {mean_sd(scores.get(part, []))}"
    return f"{name}, in results/: {score} ({sum(run.trained for run in runs)} of {len(runs)} runs trained)"


def searched_line(name: str, study: Study, directory: StudyDirectory) -> str:
    """Return the best point of a study, and what it is worth."""
    trials = directory.table("trials")
    complete = trials[trials["state"] == "complete"]
    best = complete.loc[complete["value"].idxmax()]
    point = ", ".join(f"{key}={dimension.value_of(best[key])}" for key, dimension in study.space.items())
    metric = f"validation {names.score(task_of(study.task).metric)}"
    return f"{name}: best {metric} {best['value']:.3f} of {len(complete)} complete trials: {point} ({directory.best})"


def test_scores(result: ResultDirectory) -> dict[str, list[float]]:
    """Return the scores of the runs that trained, by name: `test A Dice`, `test B Dice`."""
    task, scores = task_of(result.record().task), _scores(result)
    return {f"{names.part(part)} {names.score(task.metric)}": scores.get(part, []) for part in task.test_sets}


def _scores(result: ResultDirectory) -> dict[str, list[float]]:
    """Return the scores of the runs that trained, by part."""
    record, table = result.record(), result.table("metrics")
    trained = [run.seed for run in record.runs if run.trained]
    rows = table[(table["metric"] == task_of(record.task).metric) & table["seed"].isin(trained)]
    return {str(part): each["value"].tolist() for part, each in rows.groupby("part")}


def mean_sd(values: Sequence[float]) -> str:
    """Return the mean, with the standard deviation if there are several values."""
    return formats.mean_sd(mean(values) if values else None, stdev(values) if len(values) > 1 else None)
