"""Everything that the report states, as values: no sentence, no Markdown, nothing drawn."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dl4ia.analysis.challenge import challenge_table
from dl4ia.analysis.champions import Champion, champion_of
from dl4ia.analysis.comparisons import Ablation, Best, ablations, best_variants, trained_share
from dl4ia.analysis.convergence import Convergence, Start, convergence, starts
from dl4ia.analysis.families import compared_pairs, pairs_table
from dl4ia.analysis.generalization import GeneralizationGap, generalization_gap
from dl4ia.analysis.intervals import Proportion
from dl4ia.analysis.paired import Pair
from dl4ia.analysis.questions import GROUPS, Questions, questions
from dl4ia.analysis.repeated_splits import splits_table
from dl4ia.analysis.reproduction import Reproduction, reproductions
from dl4ia.analysis.searches import SearchResult, search_result
from dl4ia.analysis.settings import Flat, FlatSettings, common_settings, differences
from dl4ia.analysis.starting import starting_table
from dl4ia.analysis.subgroups import KnownPatients, known_patients, subgroups_table
from dl4ia.analysis.tables import Result, headline_metrics, metrics_table, results, runs_table, summary_table
from dl4ia.analysis.trust import Trust, trust
from dl4ia.config import Params
from dl4ia.report.sources import sources, stand_ins
from dl4ia.runs.layout import Layout
from dl4ia.runs.schemas import DataSource
from dl4ia.runs.test_evaluations import evaluation_counts
from dl4ia.tasks import Task


@dataclass(frozen=True)
class VariantReport:
    """A variant or ensemble: `settings` are those that differ from what most variants of its task have.

    `convergence` is None where there is no verdict: no run trained, the curves are short, or it is a demonstration.
    """

    name: str
    about: str
    result: Result
    trained: Proportion
    settings: dict[str, object]
    convergence: Convergence | None
    starts: list[Start]
    reproductions: list[Reproduction]

    @property
    def members(self) -> tuple[str, ...]:
        """The runs whose predictions an ensemble averages; a variant has none."""
        return self.result.record.runs[0].members


@dataclass(frozen=True)
class TaskReport:
    """A task; `reported` says whether its results may stand beside reported ones: those of the stand-in may not.

    Variants of groups that answer a question are not among `variants`, but in `questions`.

    `judged` says whether they are compared with them, and the curves judged: those of a demonstration are not.
    `champion` is the variant that params.yaml names, if it has results. `pictured` is the run whose examples are shown:
    of the champion, else of the best of the variants validated like most, else the first.
    """

    task: Task
    reported: bool
    judged: bool
    common: Flat
    variants: list[VariantReport]
    best: list[Best]
    champion: Champion | None
    pictured: tuple[str, int] | None
    ablations: list[Ablation]
    pairs: list[Pair]
    known_patients: list[KnownPatients]
    gaps: list[GeneralizationGap]
    questions: Questions
    trust: list[Trust]

    def tested(self, name: str, rival: str, part: str) -> Pair | None:
        """Return the test of two variants on a part, if both have runs that trained."""
        return next((each for each in self.pairs if (each.name, each.rival, each.part) == (name, rival, part)), None)

    @property
    def named_pairs(self) -> list[Pair]:
        """The tests that params.yaml names, of variants that differ in more than one setting."""
        single = {(each.name, each.rival) for each in self.ablations}
        return [each for each in self.pairs if (each.name, each.rival) not in single]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are measured."""
        return ("train", "validation", *self.task.test_sets)

    def metrics(self, variant: VariantReport) -> list[str]:
        """Return the metrics of a variant that are listed: those of the summary, and others that the report gives."""
        reported = [each.metric for each in variant.reproductions] if self.reported else []
        listed = dict.fromkeys([*headline_metrics(self.task), *reported])
        return [name for name in listed if name in reported or variant.result.summary(name) is not None]

    @property
    def has_validation(self) -> bool:
        """Whether any variant has validation curves of a run that trained."""
        column = f"validation/{self.task.metric}"
        return any(variant.trained.count and column in variant.result.curves for variant in self.variants)


@dataclass(frozen=True)
class Provenance:
    """What the runs were computed with, each with the number of runs: commits, versions, machines."""

    commits: dict[str, int]
    versions: dict[str, int]
    machines: dict[str, int]


@dataclass(frozen=True)
class Extent:
    """How many variants there are, runs of these, and ensembles."""

    variants: int
    runs: int
    ensembles: int


@dataclass(frozen=True)
class Report:
    """The whole report; `not_run` are the variants, ensembles and studies of params.yaml without results.

    `tables` are those of results/ that say what results mean, `evaluations` how often test scores were computed.
    """

    notice: str
    sources: dict[str, DataSource]
    tasks: list[TaskReport]
    searches: list[SearchResult]
    not_run: list[str]
    provenance: Provenance
    runs: pd.DataFrame
    metrics: pd.DataFrame
    summary: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    evaluations: pd.DataFrame

    @property
    def extent(self) -> Extent:
        """How much there is."""
        ensembles = self.runs["members"] != ""
        single = self.runs["variant"][~ensembles]
        return Extent(single.nunique(), len(single), int(ensembles.sum()))


def collect(params: Params, layout: Layout, notice: str = "") -> Report:
    """Compute the report from the tables in results/; with a `notice` it is a demonstration and nothing is judged.

    Raises RunError if there are no results, or damaged ones.
    """
    read, known = results(params, layout), sources(params, layout)
    not_real = stand_ins(known)
    outcomes = {name: search_result(name, study, layout.study(name)) for name, study in params.studies.items()}
    searches = [search for search in outcomes.values() if search is not None]
    tasks = dict.fromkeys(result.record.task for result in read)
    runs = runs_table(read)
    done = {result.name for result in read}
    task_reports = []
    for name in tasks:
        of_task = [each for each in read if each.record.task == name]
        answers = questions(of_task, params, [each for each in searches if each.study.task == name])
        if others := [each for each in of_task if params.rows[each.name].group not in GROUPS]:
            task_reports.append(_task(others, params, answers, real=name not in not_real, judged=not notice))
    return Report(
        notice=notice,
        sources=known,
        tasks=task_reports,
        searches=searches,
        not_run=[name for name in dict.fromkeys([*params.rows, *params.searched]) if name not in done]
        + [f"study {name}" for name, search in outcomes.items() if search is None],
        provenance=_provenance(runs[runs["members"] == ""]),
        runs=runs,
        metrics=metrics_table(read),
        summary=summary_table(read),
        tables=_tables(read, task_reports, params),
        evaluations=evaluation_counts(layout),
    )


def _tables(read: Sequence[Result], tasks: Sequence[TaskReport], params: Params) -> dict[str, pd.DataFrame]:
    """Return the tables of results/ that say what results mean, by name."""
    return {
        "comparisons": pairs_table({each.task.name: each.pairs for each in tasks}),
        "ablation": pairs_table({each.task.name: each.questions.ablation for each in tasks}),
        "generalisation": splits_table([each for task in tasks for each in task.questions.splits]),
        "starting": starting_table([each for task in tasks for each in task.questions.starts]),
        "challenge": challenge_table(read, params),
        "subgroups": subgroups_table(read),
    }


def _task(read: Sequence[Result], params: Params, answers: Questions, *, real: bool, judged: bool) -> TaskReport:
    variants = {result.name: params.variants[result.name] for result in read if result.name in params.variants}
    common = common_settings([FlatSettings.of(variant) for variant in variants.values()])
    best, pairs = best_variants(read, params), ablations(read, params)
    champion = champion_of(read, params)
    first = champion or (best[0] if best else None)
    pictured = _first_trained(read) if first is None else (first.name, first.seed)
    return TaskReport(
        task=read[0].task,
        reported=real,
        judged=judged and real,
        common=common.stated,
        variants=[_variant(result, params, common, judged=judged) for result in read],
        best=best,
        champion=champion,
        pictured=pictured,
        ablations=pairs,
        pairs=compared_pairs(read, params, pairs),
        known_patients=known_patients(read),
        gaps=_gaps(read, params, pairs),
        questions=answers,
        trust=_trust(read, pictured) if pictured else [],
    )


def _trust(read: Sequence[Result], pictured: tuple[str, int]) -> list[Trust]:
    """Return how far the confidence of the variant in the pictures can be trusted, on each test set."""
    result = next(each for each in read if each.name == pictured[0])
    of_parts = [trust(result, part) for part in result.task.test_sets]
    return [each for each in of_parts if each is not None]


def _variant(result: Result, params: Params, common: FlatSettings, *, judged: bool) -> VariantReport:
    row = params.rows[result.name]
    variant = params.variants.get(result.name)
    changed = {} if variant is None else differences(common, FlatSettings.of(variant))
    has_curves, classes = len(result.curves) > 0, len(result.task.classes)
    return VariantReport(
        name=result.name,
        about=row.about,
        result=result,
        trained=trained_share(result),
        settings={key: value for key, (_, value) in changed.items()},
        convergence=convergence(result.curves, result.trained, classes) if judged and has_curves else None,
        starts=starts(result.curves, classes) if has_curves else [],
        reproductions=reproductions(result),
    )


def _first_trained(read: Sequence[Result]) -> tuple[str, int] | None:
    return next(((result.name, result.trained[0]) for result in read if result.trained), None)


def _gaps(read: Sequence[Result], params: Params, pairs: Sequence[Ablation]) -> list[GeneralizationGap]:
    """Return the gaps of the variants whose reported gap is known, and of those that differ in the split alone."""
    names = {
        result.name
        for result in read
        if {f"validation_{result.task.metric}", result.task.headline_metric} <= result.reported.keys()
    }
    names |= {name for pair in pairs if pair.setting == "split.strategy" for name in (pair.name, pair.rival)}
    gaps = [
        generalization_gap(result, params.variants[result.name].settings.split.strategy)
        for result in read
        if result.name in names and result.name in params.variants
    ]
    return [gap for gap in gaps if gap is not None]


def _provenance(runs: pd.DataFrame) -> Provenance:
    threads = runs["threads"].map(lambda count: f"{count} thread{'s' if count > 1 else ''} per run")
    machines = runs["device"].astype(str) + " (" + runs["machine"].astype(str) + "), " + threads.astype(str)
    return Provenance(*(dict(Counter(column)) for column in (runs["git_commit"], runs["versions"], machines)))
