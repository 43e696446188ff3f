"""All results as tables: one row per run, one row per metric of a run, one row per variant."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from dl4ia.analysis.crossed import mean_score
from dl4ia.analysis.image_scores import ImageScores, image_scores
from dl4ia.analysis.intervals import Summary, scale_of, summarize
from dl4ia.base.errors import RunError
from dl4ia.config import Params
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import VariantRecord
from dl4ia.tasks import Task, task_of

RUN_COLUMNS = [
    "variant", "task", "exercise", "seed", "state", "trained", "seconds", "device", "machine", "threads", "versions",
    "git_commit", "members", "error",
]  # fmt: skip
_TABLES = ("metrics", "curves", "images", "confusion", "calibration")  # of a result
DIGITS = ".6g"  # of numbers in the tables
METRIC_COLUMNS = ["variant", "seed", "part", "metric", "value"]


@dataclass(frozen=True)
class Result:
    """What evaluation wrote of a variant or ensemble; `curves` is empty for an ensemble.

    `champion` says whether it is the one that params.yaml names. `metrics` is as in `results/metrics.csv`, without the
    column `variant`.
    """

    name: str
    exercise: str
    group: str
    reported: dict[str, float]
    champion: bool
    record: VariantRecord
    metrics: pd.DataFrame
    curves: pd.DataFrame
    images: pd.DataFrame
    confusion: pd.DataFrame
    calibration: pd.DataFrame

    _summaries: dict[str, Summary | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def task(self) -> Task:
        """The task of the variant."""
        return task_of(self.record.task)

    @property
    def trained(self) -> list[int]:
        """The seeds of the runs that trained."""
        return [run.seed for run in self.record.runs if run.trained]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The metrics of the runs that trained: one row per seed, one column per metric such as `test_a_dice`."""
        rows = self.metrics[self.metrics["seed"].isin(self.trained)]
        names = rows["part"].astype(str) + "_" + rows["metric"].astype(str)
        return rows.assign(name=names).pivot_table(index="seed", columns="name", values="value")

    @property
    def best_seed(self) -> int:
        """The run with the best validation score, of those that trained; the first without validation images."""
        values = self.by_seed(f"validation_{self.task.metric}")
        return int(values.idxmax()) if len(values) else self.trained[0]

    def by_seed(self, metric: str) -> pd.Series:
        """Return a metric of the runs that trained, by seed; empty if it was not measured."""
        return self.scores[metric].dropna() if metric in self.scores else pd.Series(dtype=float)

    def values(self, metric: str) -> list[float]:
        """Return a metric of each run that trained."""
        return [float(value) for value in self.by_seed(metric)]

    def image_scores(
        self, part: str, seeds: Sequence[int] | None = None, metric: str | None = None
    ) -> ImageScores | None:
        """Return the score of each image of a part by the runs that trained, or by `seeds` of them; None without any.

        Of classifiers these are known of test sets alone. `metric` is that of the task, or another that `images` has.
        """
        evaluator = self.task.evaluator()
        if evaluator.keeps_mistakes_alone and part not in self.task.test_sets:
            return None
        chosen = self.trained if seeds is None else seeds
        images, confusion = (table[table["part"] == part] for table in (self.images, self.confusion))
        return image_scores(images, confusion, chosen, evaluator, metric or self.task.metric) if chosen else None

    def summary(self, metric: str) -> Summary | None:
        """Return the summary of a metric over the runs that trained, with the digits that `results/summary.csv` has.

        The interval of a test score that is a mean over images is that of `crossed.mean_score`: it allows for other
        test images, too. That of other metrics is over runs alone (`intervals.summarize`). An ensemble is one run on
        purpose, and has an interval over images alone; of other variants there has to be a number of runs.
        """
        if metric not in self._summaries:
            self._summaries[metric] = self._summarized(metric)
        return self._summaries[metric]

    def _summarized(self, metric: str) -> Summary | None:
        summary = summarize(self.values(metric), scale_of(metric))
        if summary is None:
            return None
        enough = summary.interval or bool(self.record.runs[0].members)
        part = next((each for each in self.task.test_sets if metric.startswith(f"{each}_")), "")
        name = metric.removeprefix(f"{part}_")
        is_mean = bool(part) and (name == self.task.metric or name in self.images)
        scores = self.image_scores(part, metric=name) if enough and is_mean else None
        low, high = (summary.low, summary.high) if scores is None else mean_score(scores).interval("share")
        mean, low, high = (float(f"{value:{DIGITS}}") for value in (summary.mean, low, high))
        sd = None if summary.sd is None else float(f"{summary.sd:{DIGITS}}")
        return Summary(summary.count, mean, sd, low, high, summary.interval or scores is not None)


def results(params: Params, layout: Layout, names: Collection[str] | None = None) -> list[Result]:
    """Return what there is of the variants and ensembles of params.yaml (or those `names`), in its order.

    Raises RunError if there is nothing at all, or if files are missing or damaged.
    """
    read = list(_read(params, layout, params.rows if names is None else names))
    if not read:
        raise RunError(f"{layout.results}: no variant has been evaluated yet: run `dvc repro`")
    return read


def _read(params: Params, layout: Layout, names: Collection[str]) -> Iterator[Result]:
    for name, row in params.rows.items():
        directory = layout.result(name)
        if name in names and (directory.path / "runs.json").exists():
            tables = {table: directory.table(table) for table in _TABLES}
            champion = params.champions.get(row.task) == name
            yield Result(name, row.exercise, row.group, row.reported, champion, directory.record(), **tables)


def runs_table(read: Sequence[Result]) -> pd.DataFrame:
    """Return one row per run: how it ended, and what it was computed with."""
    rows = []
    for result in read:
        for run in result.record.runs:
            row = run.model_dump(include=set(RUN_COLUMNS)) | {
                "variant": result.name,
                "task": result.task.name,
                "exercise": result.exercise,
                "versions": ", ".join(f"{library} {version}" for library, version in run.versions.items()),
                "members": " ".join(run.members),
            }
            rows.append(row)
    return pd.DataFrame(rows, columns=RUN_COLUMNS)


def metrics_table(read: Sequence[Result]) -> pd.DataFrame:
    """Return every metric of every run that finished: variant, seed, part, metric, value."""
    tables = [result.metrics.assign(variant=result.name) for result in read if len(result.metrics)]
    return pd.concat(tables, ignore_index=True)[METRIC_COLUMNS] if tables else pd.DataFrame(columns=METRIC_COLUMNS)


def headline_metrics(task: Task) -> list[str]:
    """Return the metrics that a summary has: of the test sets, validation and training images, then other reductions.

    Such as test_a_dice, test_b_dice, validation_dice, train_dice, test_a_dice_pooled.
    """
    others = [name for name in task.headline if name.startswith(f"{task.metric}_")]
    return [f"{part}_{task.metric}" for part in (*task.test_sets, "validation", "train")] + [
        f"{task.test_sets[0]}_{name}" for name in others
    ]


def summary_table(read: Sequence[Result]) -> pd.DataFrame:
    """Return one row per variant; means, spreads and seconds are over the runs that trained, `seeds` counts all runs.

    `_low` and `_high` are as those of `intervals.Summary`.
    """
    tasks = {result.task.name: result.task for result in read}.values()
    metrics = list(dict.fromkeys(metric for task in tasks for metric in headline_metrics(task)))
    return pd.DataFrame([_summary_row(result, metrics) for result in read])


def _summary_row(result: Result, metrics: Sequence[str]) -> dict[str, object]:
    record = result.record
    seconds = [run.seconds for run in record.runs if run.trained]
    row: dict[str, object] = {
        "variant": result.name,
        "task": result.task.name,
        "exercise": result.exercise,
        "seeds": len(record.runs),
        "trained": len(seconds),
        "weights": record.weights,
        "parameters": record.parameters,
        "train_seconds": sum(seconds) / len(seconds) if seconds else None,
    }
    for metric in metrics:
        summary = result.summary(metric)
        for part in ("mean", "sd", "low", "high"):
            row[f"{metric}_{part}"] = None if summary is None else getattr(summary, part)
    reported = result.reported.get(result.task.headline_metric)
    return row | {"reported": reported, "group": result.group, "champion": result.champion}
