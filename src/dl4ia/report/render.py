"""The report as a document: values and sentences set by a template."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from dl4ia.report import findings, formats, names, notes, readme, sentences
from dl4ia.report.collect import Report, TaskReport, VariantReport
from dl4ia.report.sources import stand_ins
from dl4ia.tasks import task_of


def markdown(
    report: Report, pictures: Mapping[str, Sequence[str]], study_pictures: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the report as Markdown.

    `pictures` names the files of the single run that is shown of each task, `study_pictures` those of the figures of
    each study; all are in the folder `figures` beside the report.
    """
    environment = Environment(
        loader=PackageLoader("dl4ia", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701 (Markdown, of our own text)
    )  # fmt: skip
    return environment.get_template("report.md.j2").render(
        **context(report),
        table=readme.results_table(report.summary, stand_ins(report.sources)),
        pictures=pictures,
        study_pictures=study_pictures,
    )


def context(report: Report) -> dict[str, object]:
    """Return what every template of the report is given: its values, and the functions that turn them into words."""
    return {
        "report": report,
        "stand_ins": [task_of(name).title for name in stand_ins(report.sources)],
        "exercises": exercises,
        "findings": findings,
        "formats": formats,
        "names": names,
        "notes": notes,
        "sentences": sentences,
        "task_of": task_of,
    }


def exercises(task: TaskReport) -> dict[str, list[VariantReport]]:
    """Return the variants of a task by exercise."""
    groups: dict[str, list[VariantReport]] = {}
    for variant in task.variants:
        groups.setdefault(variant.result.exercise, []).append(variant)
    return groups
