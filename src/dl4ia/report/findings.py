"""The main findings in words: plain sentences without markup. All values come from `analysis`."""

from typing import TYPE_CHECKING

from dl4ia.analysis.convergence import Verdict
from dl4ia.analysis.reproduction import Agreement, Reproduction
from dl4ia.report import formats, names, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl4ia.analysis.comparisons import Best
    from dl4ia.report.collect import Report, TaskReport


def findings(report: "Report") -> list[str]:
    """Return the main findings, a sentence each."""
    return [sentence for task in report.tasks for sentence in of_task(task)]


def of_task(task: "TaskReport") -> list[str]:
    """Return the main findings of one task."""
    makers: Sequence[Callable[[TaskReport], list[str]]]
    makers = (_reproduced, _champion, _trained, _best, _patients, _verdicts)
    return [sentence for make in makers for sentence in make(task)]


def _reproduced(task: "TaskReport") -> list[str]:
    """Return how many of the reported test scores are reproduced, and which are not; nothing of a demonstration."""
    metric = task.task.headline_metric
    known = [each for variant in task.variants for each in variant.reproductions if each.metric == metric]
    if not task.judged or not known:
        return []
    close = [each for each in known if each.agreement == Agreement.REPRODUCED]
    others = [_beside(each) for each in known if each.agreement != Agreement.REPRODUCED]
    score = f"{names.metric(metric, task.task.test_sets)}"
    count = f"{len(close)} of {formats.counted(len(known), 'reported value')} of {score}"
    is_are = "is" if 1 in (len(close), len(known)) else "are"
    rest = f"; not {formats.joined(others)}" if others else ""
    return [f"{task.task.title}: {count} {is_are} reproduced{rest}."]


def _beside(each: Reproduction) -> str:
    if each.summary is None:
        return f"{each.name} (no run trained, reported {each.reported:.3f})"
    return f"{each.name} ({each.summary.mean:.3f}, reported {each.reported:.3f})"


def _trained(task: "TaskReport") -> list[str]:
    """Return how many runs did not train, and of which variants none did."""
    variants = [variant for variant in task.variants if not variant.members]
    missing = [variant for variant in variants if variant.trained.count < variant.trained.of]
    if not missing:
        return []
    runs = sum(variant.trained.of - variant.trained.count for variant in missing)
    total = sum(variant.trained.of for variant in variants)
    where = f"{runs} of {formats.counted(total, 'run')} did not train, in {formats.counted(len(missing), 'variant')}"
    none = [variant.name for variant in missing if not variant.trained.count]
    rest = f"; no run of {formats.joined(none)} did" if none else ""
    return [f"{task.task.title}: {where}{rest}."]


def _best(task: "TaskReport") -> list[str]:
    return [f"{task.task.title}: {best(each, task)}" for each in task.best if each.candidates > 1]


def best(each: "Best", task: "TaskReport") -> str:
    """Return which of the variants that are validated alike is best, and by how much."""
    metric = names.score(task.task.metric)
    alike = [each.name, *each.twins]
    have = "whose runs are the same, have" if each.twins else "has"
    candidates = f"{each.candidates} variants (ensembles apart) validated on {sentences.strategy(each.strategy)}"
    text = (
        f"of the {candidates} of which at least half of the runs trained, {formats.joined(alike)}"
        f"{', ' if each.twins else ' '}{have} the highest mean validation {metric}, {each.validation.mean:.3f}"
    )
    if each.second is not None and each.lead is not None:
        text += f" ({formats.difference(each.lead)} to the next, {each.second})"
    test = next(variant for variant in task.variants if variant.name == each.name).result
    reached = test.summary(task.task.headline_metric)
    name = names.metric(task.task.headline_metric, task.task.test_sets)
    return f"{text}; {'their' if each.twins else 'its'} {name} is {formats.summary(reached)}."


def _patients(task: "TaskReport") -> list[str]:
    """Return what validating on other patients does, where two variants differ in that alone."""
    gaps = {gap.name: gap for gap in task.gaps}
    comparisons = []
    for pair in task.ablations:
        sides = [gaps.get(name) for name in (pair.rival, pair.name)]
        first, second = sides
        if pair.setting == "split.strategy" and first is not None and second is not None:
            comparisons.append(
                f"{task.task.title}: {first.name} scores {first.validation.mean:.3f} in validation on "
                f"{sentences.strategy(first.strategy)}, and {second.name}, which differs in nothing else, "
                f"{second.validation.mean:.3f} on {sentences.strategy(second.strategy)}; on "
                f"{names.part(task.task.test_sets[0])} they score {first.test.mean:.3f} and {second.test.mean:.3f}."
            )
    return comparisons


def _verdicts(task: "TaskReport") -> list[str]:
    """Return how many of the variants are over-fitted, unstable, not converged, and which."""
    judged = [variant for variant in task.variants if variant.convergence is not None]
    groups = {
        verdict: [variant.name for variant in judged if variant.convergence and variant.convergence.verdict == verdict]
        for verdict in Verdict
        if verdict not in (Verdict.CONVERGED, Verdict.ANNEALED)
    }
    parts = [f"{verdict}: {formats.joined(members)}" for verdict, members in groups.items() if members]
    return [f"{task.task.title}, by the curves of the runs that trained: {'; '.join(parts)}."] if parts else []


def _champion(task: "TaskReport") -> list[str]:
    """Return how good the champion is and what it is better and worse than, unless it is a best one (`_best`)."""
    champion, metric = task.champion, names.score(task.task.metric)
    if champion is None or not task.judged or champion.name in {each.name for each in task.best}:
        return []
    settings = "" if champion.study is None else f", with settings from the study {champion.study}"
    tests = [f"{names.part(part)} {metric} {formats.summary(summary)}" for part, summary in champion.tests.items()]
    others = "".join(_others(task, champion.name, word, sign) for word, sign in (("better", 1), ("worse", -1)))
    return [f"{task.task.title}: the champion, {champion.name}{settings}, has {formats.joined(tests)}{others}."]


def _others(task: "TaskReport", name: str, word: str, sign: int) -> str:
    """Return what a variant is better (or worse) than on the first test set, by the tests that hold."""
    part = task.task.test_sets[0]
    others = []
    for each in task.pairs:
        ahead = sign * each.difference if each.name == name else -sign * each.difference
        if name in (each.name, each.rival) and each.part == part and each.holds and ahead > 0:
            images = "" if each.same_images else "; trained on other images"
            others.append(f"{each.rival if each.name == name else each.name} (by {ahead:.3f}{images})")
    return f"; on {names.part(part)} it is {word} than {formats.joined(others)}" if others else ""
