"""The five findings that a reader sees first: each a number, and a sentence with its interval."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dl4ia.analysis.reproduction import Agreement
from dl4ia.report import formats, names, sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from dl4ia.report.collect import Report, TaskReport, VariantReport

_COUNT = 5


@dataclass(frozen=True)
class Headline:
    """A finding: its number, and the sentence that says what it is of."""

    number: str
    text: str


def headlines(report: "Report") -> list[Headline]:
    """Return at most five findings, the most important first of all tasks, then the next of all tasks."""
    makers: tuple[Callable[[TaskReport], Headline | None], ...] = (_reproduced, _best, _trained, _patients, _verdict)
    candidates = [(place, index, made) for index, task in enumerate(report.tasks) for place, make in enumerate(makers)
             if (made := make(task)) is not None]  # fmt: skip
    kept = sorted(candidates, key=lambda each: (each[0], each[1]))[:_COUNT]
    return [headline for _, _, headline in sorted(kept, key=lambda each: (each[1], each[0]))]


def _reproduced(task: "TaskReport") -> Headline | None:
    """Return how many reported test scores are reproduced, and the farthest off of the others, or of all."""
    metric = task.task.headline_metric
    known = [each for variant in task.variants for each in variant.reproductions if each.metric == metric]
    if not task.judged or not known:
        return None
    others = [each for each in known if each.agreement != Agreement.REPRODUCED]
    text = f"reported {names.metric(metric, task.task.test_sets)} reproduced"
    measured = [(each, each.summary) for each in others or known if each.summary is not None]
    if measured:
        each, summary = max(measured, key=lambda pair: abs(pair[1].mean - pair[0].reported))
        which = "not" if len(others) == 1 else "farthest off is"
        text += f"; {which} {each.name}: {formats.summary(summary)}, reported {each.reported:.3f}"
    return Headline(f"{len(known) - len(others)} of {len(known)}", f"{task.task.title}: {text}.")


def leader(task: "TaskReport") -> "VariantReport | None":
    """Return the champion, else the best variant by validation, else none."""
    if task.champion is not None and task.judged:
        name = task.champion.name
    elif task.best:
        name = task.best[0].name
    else:
        return None
    return next(variant for variant in task.variants if variant.name == name)


def _best(task: "TaskReport") -> Headline | None:
    """Return the test score of the champion, and how far it is ahead of a reported variant."""
    variant, metric = leader(task), task.task.headline_metric
    summary = None if variant is None else variant.result.summary(metric)
    if variant is None or summary is None:
        return None
    what = "the champion" if task.champion is not None and task.judged else "best by validation"
    text = f"{names.metric(metric, task.task.test_sets)} {formats.summary(summary)} of {variant.name}, {what}"
    reported = {each.name for each in task.variants if each.reproductions}
    ahead = [each for each in task.pairs if each.name == variant.name and each.part == task.task.test_sets[0]]
    rivals = [each for each in ahead if each.rival in reported and each.enough] if task.judged else []
    if rivals:
        rival = rivals[0]
        bounds = f"[{formats.signed(rival.low)}, {formats.signed(rival.high)}]"
        text += f"; {formats.signed(rival.difference)} {bounds} over {rival.rival}"
    return Headline(formats.mean_sd(summary.mean, summary.sd).partition(" ±")[0], f"{task.task.title}: {text}.")


def _trained(task: "TaskReport") -> Headline | None:
    """Return how many runs did not train, where any did not."""
    variants = [variant for variant in task.variants if not variant.members]
    total = sum(variant.trained.of for variant in variants)
    count = total - sum(variant.trained.count for variant in variants)
    if not count:
        return None
    where = sum(variant.trained.count < variant.trained.of for variant in variants)
    return Headline(
        f"{count} of {total}",
        f"{task.task.title}: runs that did not train, of {formats.counted(where, 'variant')}; their scores are in no "
        "mean.",
    )


def _patients(task: "TaskReport") -> Headline | None:
    """Return how far validation is above the test score on either split, where two variants differ in that alone."""
    gaps = {gap.name: gap for gap in task.gaps}
    for pair in task.ablations:
        first, second = gaps.get(pair.rival), gaps.get(pair.name)
        if pair.setting == "split.strategy" and first is not None and second is not None:
            return Headline(
                formats.signed(second.of_runs.mean - first.of_runs.mean),
                f"{task.task.title}: validation minus test score is {formats.signed_summary(first.of_runs)} on "
                f"{sentences.strategy(first.strategy)}, {formats.signed_summary(second.of_runs)} on "
                f"{sentences.strategy(second.strategy)} ({first.name}, {second.name}).",
            )
    return None


def _verdict(task: "TaskReport") -> Headline | None:
    """Return how many variants are judged by their curves, and how many of them over-fit."""
    judged = [variant.convergence.verdict for variant in task.variants if variant.convergence is not None]
    if not judged:
        return None
    kinds = [f"{judged.count(kind)} {kind}" for kind in dict.fromkeys(sorted(judged))]
    return Headline(
        formats.counted(len(judged), "variant"),
        f"{task.task.title}: judged by the curves of runs that trained: {formats.joined(kinds)}.",
    )
