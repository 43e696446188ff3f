"""The HTML report: values, sentences, charts and pictures set by a template."""

import functools
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dl4ia.report import formats, names, render
from dl4ia.report.collect import Report, TaskReport, VariantReport
from dl4ia.report.headlines import headlines, leader
from dl4ia.report.html.curve_charts import losses, scores_over_time, validation
from dl4ia.report.html.gallery import gallery
from dl4ia.report.html.inline import inline
from dl4ia.report.html.pictures import Picture, picture, preview
from dl4ia.report.html.score_chart import scores
from dl4ia.report.html.specs import Spec
from dl4ia.report.html.study_charts import history, importances
from dl4ia.report.html.vega import vega_script
from dl4ia.report.plots.curves import limits

_PREVIEW_WIDTH = 820  # pixels: two for each on the screen


def page(
    report: Report,
    pictures: Mapping[str, Sequence[str]],
    study_pictures: Mapping[str, Mapping[str, str]],
    figures: Path,
) -> str:
    """Return the report as one HTML file that needs no other.

    `pictures` and `study_pictures` are those of `render.markdown`, in the folder `figures`. Raises ModuleNotFoundError
    without vl-convert, which has the library that draws the charts.
    """
    template = _environment().get_template("html/page.html.j2")
    return template.render(
        **render.context(report),
        headlines=headlines(report),
        charts=_charts(report),
        key_variants=key_variants,
        galleries={task.task.name: gallery(pictures[task.task.name], figures, task.task) for task in report.tasks},
        previews={task.task.name: _preview(pictures[task.task.name], figures) for task in report.tasks},
        pictures=pictures,
        study_pictures=study_pictures,
        figure=functools.partial(_picture, figures),
        style=Markup(_text("style.css")),  # noqa: S704 (of our own)
        script=Markup(_text("page.js")),  # noqa: S704 (of our own)
        vega=Markup(vega_script()),  # noqa: S704 (of a library)
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dl4ia", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=True,
    )  # fmt: skip
    environment.filters |= {"capital": formats.capital, "inline": inline, "setting": names.setting}
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":"), "ensure_ascii": False}
    return environment


def key_variants(task: TaskReport) -> list[VariantReport]:
    """Return the variants of the short table: reported ones, best ones, and what the champion is compared with."""
    chosen = {each.name for each in task.best}
    chosen |= {each.name for each in task.variants if task.reported and _is_reported(each, task)}
    first = leader(task)
    if first is not None:
        pairs = [{pair.name, pair.rival} for pair in task.named_pairs]
        chosen |= {first.name}.union(*[pair for pair in pairs if first.name in pair])
    variants = [variant for variant in task.variants if variant.name in chosen] or task.variants
    return sorted(variants, key=lambda variant: _score(variant, task), reverse=True)


def _is_reported(variant: VariantReport, task: TaskReport) -> bool:
    return task.task.headline_metric in variant.result.reported


def _score(variant: VariantReport, task: TaskReport) -> float:
    summary = variant.result.summary(task.task.headline_metric)
    return -1.0 if summary is None else summary.mean


def _charts(report: Report) -> dict[str, Spec]:
    """Return the charts by the names that the template gives them."""
    specs: dict[str, Spec] = {}
    for task in report.tasks:
        shared, name = limits(task), task.task.name
        specs[f"scores-{name}"] = scores(task)
        if task.has_validation:
            specs[f"overview-{name}"] = validation(task, shared, height=150, columns=2)
            specs[f"validation-{name}"] = validation(task, shared, height=340, columns=4)
        for variant in task.variants:
            if len(variant.result.curves):
                specs[f"score-{variant.name}"] = scores_over_time(variant, task, shared)
                specs[f"loss-{variant.name}"] = losses(variant, task, shared)
    for search in report.searches:
        specs[f"history-{search.name}"] = history(search)
        if search.importances:
            specs[f"importances-{search.name}"] = importances(search)
    return specs


def _preview(files_of_runs: Sequence[str], figures: Path) -> Picture | None:
    """Return the examples of a run as a small picture, if they are there."""
    examples = [name for name in files_of_runs if name.startswith("examples")]
    return preview(figures / examples[0], "Examples of a run, small", _PREVIEW_WIDTH) if examples else None


def _picture(figures: Path, name: str, alternative: str) -> Picture:
    return picture(figures / f"{name}.png", alternative)


def _text(name: str) -> str:
    return files("dl4ia.report.html").joinpath(name).read_text(encoding="utf-8")
