"""results/*.csv and report/, from the tables of evaluation and of searches alone."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from dl4ia.analysis.searches import trials_table
from dl4ia.analysis.tables import DIGITS
from dl4ia.base import atomic_files
from dl4ia.config import Params
from dl4ia.report import names
from dl4ia.report.collect import Report, TaskReport, collect
from dl4ia.report.html.page import page
from dl4ia.report.plots import questions
from dl4ia.report.plots.comparison import comparison
from dl4ia.report.plots.curves import curves, limits, validation_curves
from dl4ia.report.plots.studies import study_figures
from dl4ia.report.plots.trust import trust
from dl4ia.report.readme import update_readme
from dl4ia.report.render import markdown
from dl4ia.report.sources import write_sources
from dl4ia.runs.layout import Layout
from dl4ia.tasks.figures import save

_KINDS = ("examples", "layers", "confusion")  # of pictures of single runs


def write_report(params: Params, layout: Layout, notice: str = "") -> None:
    """Write the tables in results/ (see `_write_tables`), report/ and the table in README.md.

    The report opens with `notice`, if there is one, and then judges nothing. Results of what is no longer in
    params.yaml are removed, and figures that the report does not show. Raises RunError if there are no results, or
    damaged ones.
    """
    _remove_old_results(params, layout)
    report = collect(params, layout, notice)
    folder = layout.report / "figures"
    figures = {name: draw for task in report.tasks for name, draw in task_figures(task).items()}
    studies = {search.name: study_figures(search) for search in report.searches}
    for search in report.searches:
        of_study = studies[search.name].items()
        figures |= {f"search-{search.name}-{name}": partial(draw, search) for name, draw in of_study}
    _draw(figures, folder)
    pictures = {task.task.name: _run_pictures(task, layout) for task in report.tasks}
    of_studies = {
        name: {figure: f"search-{name}-{figure}.png" for figure in figures} for name, figures in studies.items()
    }
    text = markdown(report, pictures, of_studies)
    html = page(report, pictures, of_studies, folder)
    _write_tables(report, layout)
    atomic_files.write(layout.report / "report.md", text.encode())
    atomic_files.write(layout.report / "index.html", html.encode())
    layers = {name for names_of_task in pictures.values() for name in names_of_task if name.startswith("layers")}
    for path in folder.glob("*.png"):
        if path.name not in layers and f"figures/{path.name})" not in text:
            path.unlink()
    update_readme(layout)


def task_figures(task: TaskReport) -> dict[str, Callable[[], Figure]]:
    """Return what draws the figures of a task, by the names of their files."""
    shared = limits(task)
    figures: dict[str, Callable[[], Figure]] = {f"comparison-{task.task.name}": partial(comparison, task)}
    if task.has_validation:
        figures[f"validation-{task.task.name}"] = partial(validation_curves, task, shared)
    for variant in task.variants:
        if len(variant.result.curves):
            figures[f"curves-{variant.name}"] = partial(curves, variant, task, shared)
    if task.trust:
        figures[f"trust-{task.task.name}"] = partial(trust, task.trust, task.task)
    return figures | _question_figures(task)


def _question_figures(task: TaskReport) -> dict[str, Callable[[], Figure]]:
    """Return what draws a figure for each question that has been answered."""
    answers, name, score = task.questions, task.task.name, names.score(task.task.metric)
    figures: dict[str, Callable[[], Figure]] = {}
    if answers.splits:
        figures[f"splits-{name}"] = partial(questions.splits, answers.splits, names.part(task.task.test_sets[0]), score)
    if answers.starts:
        figures[f"starts-{name}"] = partial(questions.starts, answers.starts)
    if answers.ablation:
        figures[f"ablation-{name}"] = partial(questions.ablation, answers.ablation, task.task.test_sets, score)
    return figures


def _draw(figures: Mapping[str, Callable[[], Figure]], folder: Path) -> None:
    for name, draw in tqdm(figures.items(), "drawing", unit="figure", disable=None, leave=False):
        save(draw(), folder / f"{name}.png")


def _run_pictures(task: TaskReport, layout: Layout) -> list[str]:
    """Bring pictures of single runs beside the report if evaluation has drawn them; return the names of those there.

    These are of the run that is shown, and the edges with and without skip connections. Without out/, as in a fresh
    clone, those that are committed stay.
    """
    part = task.task.test_sets[0]
    wanted = [("edges", each.name, each.best_seed) for pair in task.questions.skips for each in pair]
    if task.pictured is not None:
        wanted += [(kind, *task.pictured) for kind in _KINDS]
    pictures = []
    for kind, name, seed in wanted:
        drawn = layout.evaluation(name) / f"seed-{seed}" / f"{kind}-{part}.png"
        target = layout.report / "figures" / f"{kind}-{name}-seed-{seed}-{part}.png"
        if drawn.exists():
            atomic_files.write(target, drawn.read_bytes())
        if target.exists():
            pictures.append(target.name)
    return pictures


def _write_tables(report: Report, layout: Layout) -> None:
    tables = {
        "runs": report.runs,
        "metrics": report.metrics,
        "summary": report.summary,
        "trials": trials_table(report.searches),
        **report.tables,
    }
    for name, table in tables.items():
        _write_table(layout.results / f"{name}.csv", table)
    write_sources(report.sources, layout)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    atomic_files.write(path, table.to_csv(index=False, float_format=f"%{DIGITS}", lineterminator="\n").encode())


def _remove_old_results(params: Params, layout: Layout) -> None:
    """Remove the results of variants, ensembles and studies that are no longer in params.yaml."""
    known = {*params.rows, *params.searched}
    for record in layout.results.glob("*/runs.json"):
        if record.parent.name not in known:
            shutil.rmtree(record.parent)
    for trials in (layout.results / "search").glob("*/trials.csv"):
        if trials.parent.name not in params.studies:
            shutil.rmtree(trials.parent)
