"""Which version of the code decides a result: one mechanism for run keys, study definitions and DVC.

A training depends on `runs.experiment` and what that imports, on its own task, and on the network, optimizer, schedule,
loss and augmentations that it uses, not on their siblings. Modules that it imports inside functions (readers,
evaluation, figures: see `tasks/task.py`) decide nothing of a training. A version ignores comments, docstrings and the
messages of errors; a refactoring that was shown to change no result (`make same`) is recorded in
`equivalent_versions.json` and keeps the version.
"""

import hashlib
from collections.abc import Iterable
from pathlib import PurePath

from dl4ia.config import Params, Study, Variant
from dl4ia.config.variants import Row
from dl4ia.runs.closure import Sources
from dl4ia.tasks import task_of

# What a training is computed by: the experiment, in a worker that sets up PyTorch.
_TRAINING = ("dl4ia.runs.experiment", "dl4ia.execution.worker")
_SCORE = "dl4ia.search.score"
_HERE = Sources()

Versions = dict[str, str | dict[str, str]]  # by stage, and then by the name of a task, study or variant


def training_version(variant: Variant, sources: Sources = _HERE) -> str:
    """Return the version of the code that decides what a variant's training results in."""
    return sources.version(training_entries(variant))


def study_version(study: Study, sources: Sources = _HERE) -> str:
    """Return the version of the code that decides what the points of a study's space are worth."""
    entries = {_SCORE}.union(*(training_entries(study.variant(point)) for point in study.corners()))
    return sources.version(entries)


def training_entries(variant: Variant) -> set[str]:
    """Return the modules whose import closure decides a variant's training."""
    settings = variant.settings
    used = (settings.network, settings.optimizer, settings.schedule, settings.loss, *settings.augmentation)
    return {*_TRAINING, *_modules_of_tasks([variant.task]), *(type(each).__module__ for each in used)}


def versions(params: Params, sources: Sources = _HERE) -> Versions:
    """Return the version of the code of each stage of the pipeline, the content of `results/code.json`."""

    def version(entry: str, tasks: Iterable[str], *left_out: str) -> str:
        return sources.version({entry, *_modules_of_tasks(tasks)}, left_out=left_out)

    studies = {name: study_version(study, sources) for name, study in params.studies.items()}
    trained = {name: training_version(row, sources) for name, row in params.variants.items()}
    trained |= {name: _of_study(best, studies) for name, best in params.searched.items()}
    tasks = {name: [row.task] for name, row in params.rows.items()}
    tasks |= {name: sorted(params.split) for name in params.searched}  # also while it is no row yet
    return {
        "download": {task: version("dl4ia.tasks.preparation", [task], "evaluator") for task in params.split},
        "split": {task: version("dl4ia.data.splits", [task], "evaluator", "read", "stand_in") for task in params.split},
        "search": studies,
        "train": trained,
        "evaluate": {name: version("dl4ia.runs.evaluate", tasks[name], "read", "stand_in") for name in tasks},
        "champion": {task: _use(params.rows.get(name)) for task, name in params.champions.items()},
        "report": version("dl4ia.report.main", params.split, "read", "stand_in"),
    }


def _modules_of_tasks(names: Iterable[str]) -> set[str]:
    return {type(task_of(name)).__module__ for name in names}


def _use(row: Row | None) -> str:
    """Return a digest of what `saved_model.Use` has of a row, which is None as long as its study has no result.

    Files are copied: no code decides anything else of a champion, and its run may not be at hand.
    """
    return hashlib.sha256(("" if row is None else f"{row.about}\n{row.test_time}").encode()).hexdigest()[:32]


def _of_study(best: str, studies: dict[str, str]) -> str:
    """Return the version of a variant whose settings come from the file `best`: that of the study that writes it."""
    name = PurePath(best).parent.name
    return studies.get(name) or hashlib.sha256("".join(studies.values()).encode()).hexdigest()[:32]
