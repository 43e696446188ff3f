"""Variants and studies in words: plain text without markup, for any template. All values come from `analysis`."""

from dataclasses import dataclass

from dl4ia.analysis.comparisons import Ablation
from dl4ia.analysis.convergence import Convergence, Verdict
from dl4ia.analysis.generalization import GeneralizationGap
from dl4ia.analysis.paired import Pair
from dl4ia.analysis.reproduction import Agreement, Reproduction
from dl4ia.analysis.searches import NEAR, SearchResult
from dl4ia.report import formats, names
from dl4ia.report.collect import TaskReport, VariantReport

_STRATEGIES = {
    "random": "a random split",
    "patient": "a split by patient",
    "random-folds": "random folds",
    "patient-folds": "folds by patient",
    "none": "no images",
}


@dataclass(frozen=True)
class Trial:
    """A row of the best trials of a study; `trained` is how many of its networks did, `settings` differ among them."""

    number: int
    value: float
    trained: str
    settings: dict[str, object]


def strategy(name: str) -> str:
    """Return a split strategy in words."""
    return _STRATEGIES.get(name, name)


def convergence(value: Convergence) -> str:
    """Return the verdict on the curves of a variant, with the numbers that it rests on."""
    runs = formats.counted(value.runs, "run")
    if value.best_step is None:
        moved = _moved(value)
        return f"{formats.capital(value.verdict)}: the training loss ({runs} that trained) {moved}; no images validate."
    place = f"iteration {value.best_step:,} of {value.last_step:,}"
    lowest = f"the smoothed validation loss ({runs} that trained) is lowest at {place}"
    match value.verdict:
        case Verdict.OVER_FITTED | Verdict.UNSTABLE | Verdict.VALIDATION_ROSE:
            change = f"ends {formats.percent(value.validation_rise)} higher"
            train = abs(value.train_rise)
            direction = "higher" if value.train_rise > 0 else "lower"
            rest = f"{change}, while the training loss ends {formats.percent(train)} {direction} than there"
        case _:
            rest = _moved(value)
    return f"{formats.capital(value.verdict)}: {lowest} and {rest}."


def _moved(value: Convergence) -> str:
    """Return how the loss by which a training is judged moves at the end."""
    match value.verdict:
        case Verdict.UNSTABLE:
            return f"ends {formats.percent(value.train_rise)} above its lowest"
        case Verdict.ANNEALED:
            return "falls to the end, together with the learning rate"
        case Verdict.NOT_CONVERGED if not value.fall:
            late = formats.counted(value.late, "run")
            return f"shows no clear trend at the end, but {late} left chance level in the last third"
        case Verdict.NOT_CONVERGED:
            return f"still falls by {formats.percent(value.fall)} over a tenth of the training"
        case _:
            return "shows no clear trend at the end"


def starts(variant: VariantReport) -> list[str]:
    """Return when runs left chance level, and which had not at the end, fell back to it, or diverged."""
    trained = [start for start in variant.starts if start.seed in variant.result.trained and start.left_at is not None]
    diverged = {run.seed: run for run in variant.result.record.runs if run.state == "diverged"}
    ended = {*variant.result.trained, *diverged}
    others = [start for start in variant.starts if start.seed not in ended]
    steps = [start.left_at for start in trained if start.left_at is not None]
    sentences = []
    known = any(start.left_at != start.first_step for start in trained)  # or it was before the first point
    if known and max(steps) > min(start.last_step for start in trained) / 10:
        span = f"{min(steps):,}" if min(steps) == max(steps) else f"{min(steps):,} to {max(steps):,}"
        sentences.append(f"Runs that trained left chance level after {span} iterations.")
    for fell_back, words in ((False, "had not left chance level"), (True, "fell back to chance level")):
        seeds = [str(each.seed) for each in others if each.fell_back == fell_back]
        if seeds:
            last = f" after {others[0].last_step:,} iterations" if not fell_back else ""
            sentences.append(f"{'Seed' if len(seeds) == 1 else 'Seeds'} {formats.joined(seeds)} {words}{last}.")
    sentences += [f"Seed {seed} diverged: {run.error or 'the loss was not finite'}." for seed, run in diverged.items()]
    return sentences


def agreement(each: Reproduction, task: TaskReport) -> str:
    """Return a reported value and, unless nothing is judged, what the runs that trained reach beside it."""
    words = {
        Agreement.REPRODUCED: ", reproduced",
        Agreement.BETTER: ", here better",
        Agreement.WORSE: ", here worse",
    }
    return f"{each.reported:.3f}" + (words[each.agreement] if task.judged and each.agreement is not None else "")


def agreements(variant: VariantReport, task: TaskReport) -> dict[str, str]:
    """Return the reported values by metric, as `agreement` does."""
    return {each.metric: agreement(each, task) for each in variant.reproductions}


def time(variant: VariantReport) -> str:
    """Return how long a run takes, and what the report says of that."""
    runs = [run for run in variant.result.record.runs if run.trained and not run.members]
    here = ""
    if runs:
        mean = formats.seconds(sum(run.seconds for run in runs) / len(runs))
        devices = formats.joined(
            sorted({"the CPU" if run.device == "cpu" else f"a GPU ({run.device})" for run in runs})
        )
        here = f"A run that trained took {mean} on average, on {devices}."
    reported = variant.result.reported.get("train_seconds")
    if reported is None:
        return here
    stated = (
        f"The report gives {formats.seconds(reported)}, on unknown hardware and with an evaluation of the test set at"
    )
    return f"{here} {stated} every iteration.".strip()


def effect(each: Ablation, test: Pair | None) -> str:
    """Return what changing one setting did to the test score."""
    return "none: every run is the same" if each.identical else formats.tested(test)


def known_patients(task: TaskReport) -> str:
    """Return how many test images are of patients who have training images, too; nothing if that is unknown."""
    counts = [
        f"{each.known_patients} of the {formats.counted(each.patients, 'patient')} of {names.part(each.part)} "
        f"({each.known_images} of {formats.counted(each.images, 'image')})"
        for each in task.known_patients
    ]
    if not counts:
        return ""
    meaning = "are of other images of patients who are mostly known; only validation by patient is of new patients"
    if not any(each.known_images for each in task.known_patients):
        meaning = "are of new patients"
    return f"Training images include {formats.joined(counts)}: test scores {meaning}."


def reported_gap(gap: GeneralizationGap) -> str:
    """Return the gap that the report gives in units of its standard errors; nothing where either is unknown."""
    errors = [(gap.by_image, "by image"), (gap.by_patient, "by patient")]
    known = [
        f"{gap.reported / each.gap:.1f} standard errors {how}"
        for each, how in errors
        if each is not None and gap.reported is not None
    ]
    if not known:
        return ""
    return f"The gap that the report gives for {gap.name}, from one run, is {formats.joined(known)}."


def pictured(task: TaskReport) -> str:
    """Return which run is shown in pictures."""
    if task.pictured is None:
        return ""
    name, seed = task.pictured
    validated = bool(task.best) if task.champion is None else task.champion.validation is not None
    whose = "of the champion, " if task.champion else "of the best variant by validation, " if task.best else ""
    which = "the run with the highest validation score" if validated else "the first run that trained"
    return f"{name}, seed {seed}: {whose}{which}."


def objective(search: SearchResult) -> str:
    """Return what a trial of a study is scored by."""
    each = search.study.objective
    among = strategy(each.strategy) if each.kind == "split" else f"{each.folds} {strategy(f'{each.strategy}-folds')}"
    return f"validation score, {among}, after {search.study.iterations:,} iterations"


def counts(search: SearchResult) -> str:
    """Return how many trials ended in which state."""
    states = {
        "complete": len(search.complete),
        "failed": len(search.failed),
        "interrupted and repeated": search.interrupted,
    }
    states["pruned"] = len(search.trials) - sum(states.values())
    return ", ".join(f"{count} {state}" for state, count in states.items() if count)


def lead(search: SearchResult) -> str:
    """Return how far the best trial is ahead."""
    if search.lead is None:
        return "One trial is complete."
    near = formats.counted(search.near, "other trial") if search.near else "no other trial"
    verb = "is" if search.near <= 1 else "are"
    each = "once per fold, each time from another seed" if search.study.objective.kind == "folds" else "from one seed"
    return (
        f"The best trial is {search.lead:.3f} ahead of the second, and {near} of {len(search.complete)} complete ones "
        f"{verb} within {NEAR} of it. Each point was trained {each}."
    )


def started(search: SearchResult) -> str:
    """Return how many networks of the complete trials stayed at chance level."""
    networks, complete = len(search.networks), search.complete
    lacking = complete[~search.all_trained]
    if lacking.empty:
        known = "The network of the complete trial" if networks == 1 else f"All {networks} networks of complete trials"
        return f"{known} left chance level."
    stayed, of_all = networks - int(complete["trained"].sum()), int((lacking["trained"] == 0).sum())
    parts = [f"all of {formats.counted(of_all, 'trial')}"] if of_all else []
    if of_some := len(lacking) - of_all:
        parts.append(f"some of {formats.counted(of_some, 'other' if of_all else 'trial')}")
    return (
        f"{stayed} of {networks} networks of complete trials stayed at chance level: {' and '.join(parts)}. They count "
        f"in the scores all the same, so that scores may differ by how many networks trained."
    )


def mattered(search: SearchResult) -> str:
    """Return the shares of the variance by parameter, and what they leave."""
    if not search.importances or search.interactions is None:
        return ""
    shares = [f"{names.setting(key)} {formats.percent(share)}" for key, share in search.importances.items()]
    return f"{', '.join(shares)}; interactions {formats.percent(search.interactions)}"


def top(search: SearchResult) -> tuple[dict[str, object], list[Trial]]:
    """Return the settings that the best trials share, and these trials."""
    keys = list(search.study.space)
    shared = [key for key in keys if len(search.top) > 1 and search.top[key].nunique() == 1]
    records = search.top.to_dict(orient="records")
    rows = [
        Trial(
            number=int(row["trial"]),
            value=float(row["value"]),
            trained=f"{row['trained']} of {row['networks']}",
            settings={key: row[key] for key in keys if key not in shared},
        )
        for row in records
    ]
    return {key: records[0][key] for key in shared}, rows


def caption(figure: str) -> str:
    """Return what a figure of a study has."""
    return {
        "lambda": "trials by λ",
        "widths": "best trial by feature maps and levels",
        "history": "trials in order",
        "importances": "share of each parameter in the variance of the score",
        "slices": "trials over each parameter",
    }[figure]
