"""report.md: the report's exercises beside what came of them, and the tables of results/."""

import json
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from dl4ia import files
from dl4ia.config import Params, Variant
from dl4ia.data.datasets import STAND_IN, sources
from dl4ia.experiment import experiments
from dl4ia.report import charts, pairs, pictures, settings
from dl4ia.report.findings import findings, trials_table
from dl4ia.report.fit import fit_of
from dl4ia.report.gains import gains
from dl4ia.report.gap import gap_sentences, measured
from dl4ia.report.shown import NAMES, Shown, figure, reported
from dl4ia.report.tables import SCORE, TEST, metrics_of, runs_table, spread, summary_table
from dl4ia.runs import Layout

_TITLES = {
    "1.1": "A fully connected network",
    "1.2": "A convolutional network",
    "1.3": "Pool, then ReLU",
    "1.4": "Adam",
    "1.5": "Variations of the classifier",
    "2.1": "Segmentation of glands",
    "2.2": "Variations of the segmenter",
    "2.4": "The winner of a search",
}
_COLUMNS = {
    "mnist": {"test accuracy": "test_accuracy", "validation": "validation_accuracy", "training": "train_accuracy"},
    "warwick": {
        "test A Dice": "test_a_dice", "test A pooled": "test_a_dice_pooled", "test B Dice": "test_b_dice",
        "validation": "validation_dice", "training": "train_dice",
    },
}  # fmt: skip


def write_report(params: Params, layout: Layout, notice: str = "") -> None:
    """Write results/{runs,summary,trials}.csv, results/source.json, report/report.md and its pictures.

    The page opens with `notice`, if there is one.
    """
    runs = runs_table(params, layout)
    summary = summary_table(params, runs)
    shutil.rmtree(layout.report, ignore_errors=True)
    for name, table in (("runs", runs), ("summary", summary)):
        files.write(layout.results / f"{name}.csv", table.to_csv(index=False, float_format="%.6g").encode())
    source = sources(layout.source)
    files.write(layout.results / "source.json", json.dumps(source, indent=2).encode() + b"\n")
    shown = [_shown(name, variant, summary, runs, layout) for name, variant in params.variants.items()]
    _draw_comparisons(summary, runs, layout)
    found = findings(params, layout)
    files.write(layout.results / "trials.csv", trials_table(found).to_csv(index=False, float_format="%.6g").encode())
    environment = Environment(
        loader=PackageLoader("dl4ia", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701 (Markdown, of our own text)
    )  # fmt: skip
    environment.filters["figure"] = figure
    page = environment.get_template("page.md.j2").render(
        notice=notice,
        stand_ins=[task for task, origin in source.items() if origin["source"] == STAND_IN],
        machine=_machine(params, layout),
        reported=[line for item in shown for line in reported(item)],
        tasks=[_task_view(task, shown, runs, layout) for task in SCORE if task in set(runs["task"])],
        titles=_TITLES,
        settings=settings,
        orders=pairs.order_of_pool(params, runs),
        patients=pairs.patients(params, runs),
        gaps=[
            gap_sentences(item.variant.reported, measured(item.name, runs, layout), item.fit)
            for item in shown
            if item.variant.reported.keys() >= {"validation_dice", "test_a_dice"}
        ],
        findings=found,
        gains=gains(params, shown, runs),
    )
    files.write(layout.report / "report.md", page.encode())


def _shown(name: str, variant: Variant, summary: pd.DataFrame, runs: pd.DataFrame, layout: Layout) -> Shown:
    done = {item.seed: item.run.history for item in experiments(name, variant, layout) if item.run.finished}
    curves = layout.report / "figures" / f"curves-{name}.png"
    pictures.save(charts.curves(list(done.values()), SCORE[variant.task]), curves)
    finished = runs[(runs["variant"] == name) & (runs["state"] == "finished")]
    learned = finished[finished["learned"].eq(other=True)]
    learners = {key: value for metric in metrics_of(runs) for key, value in spread(metric, learned[metric]).items()}
    told = finished if learned.empty else learned
    fit = fit_of(SCORE[variant.task], told, [done[seed] for seed in told["seed"]]).sentence
    row = summary.set_index("variant").loc[name]
    return Shown(name, variant, row, pd.Series(learners), fit, curves.relative_to(layout.report))


def _draw_comparisons(summary: pd.DataFrame, runs: pd.DataFrame, layout: Layout) -> None:
    for task, rows in summary.groupby("task"):
        metric = TEST[task]
        label = NAMES[metric]
        pictures.save(
            charts.comparison(rows, runs, metric, label), layout.report / "figures" / f"comparison-{task}.png"
        )


def _task_view(task: str, shown: Sequence[Shown], runs: pd.DataFrame, layout: Layout) -> dict[str, Any]:
    """Return what the page says of a task: its variants by exercise, its best run, and who never learned."""
    mine = [item for item in shown if item.variant.task == task]
    best = _best(task, runs)
    folder = layout.evaluation(str(best["variant"])) / "runs" / f"seed-{best['seed']}"
    shelf = layout.report / "figures"
    part = TEST[task].removesuffix(f"_{SCORE[task]}")
    files.write(shelf / f"confusion-{task}.png", (folder / f"confusion-{part}.png").read_bytes())
    files.write(shelf / f"examples-{task}.png", (folder / "examples.png").read_bytes())
    if task == "warwick":
        with np.load(folder / "examples.npz", allow_pickle=False) as examples:
            pictures.save(pictures.segmentation(dict(examples), 0), shelf / "worst-segmentation.png")
    return {
        "name": task,
        "columns": _COLUMNS[task],
        "exercises": {
            number: [item for item in mine if item.variant.exercise == number] for number in _exercises(mine)
        },
        "best": best,
        "confusion": pd.read_csv(folder / f"confusion-{part}.csv", index_col="true").rename_axis("true ↓ guess →"),
        "dying": [item for item in mine if item.row["learned"] < item.row["seeds"]],
    }


def _best(task: str, runs: pd.DataFrame) -> pd.Series:
    """Return the run to look at: of the variant with the best mean validation score, the best seed; no test decides.

    Where all variants train on all images, the training score has to do.
    """
    mine = runs[(runs["task"] == task) & (runs["state"] == "finished")]
    score = f"validation_{SCORE[task]}"
    if mine[score].isna().all():
        score = f"train_{SCORE[task]}"
    variant = mine.groupby("variant", sort=False)[score].mean().idxmax()
    return mine.loc[mine[mine["variant"] == variant][score].idxmax()]


def _exercises(shown: Sequence[Shown]) -> list[str]:
    return list(dict.fromkeys(item.variant.exercise for item in shown))


def _machine(params: Params, layout: Layout) -> str:
    """Return what the runs were done with and on, each combination once."""
    told: dict[str, None] = {}
    for name, variant in params.variants.items():
        for item in experiments(name, variant, layout):
            status = item.run.status
            versions = ", ".join(f"{library} {version}" for library, version in status["versions"].items())
            told[f"{status['device']} ({status['machine']}), {versions}, commit {status['git_commit'][:10]}"] = None
    return "; ".join(told)
