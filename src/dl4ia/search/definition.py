"""What a study is, as its database keeps it: all that decides the values of its trials, and nothing else.

How many trials there are, how a sampler chooses them, where they run and what is at its neutral default may change.
"""

import hashlib
import json
import shlex
from typing import Any

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError
from dl4ia.config import OnSplit, Study, flat
from dl4ia.config.studies import BestOf
from dl4ia.runs.code import study_version
from dl4ia.runs.layout import Layout
from dl4ia.search.points import known_points

_CHOSEN = {"task", "objective", "iterations", "evaluate_every", "seed", "space"}


def definition_of(study: Study, layout: Layout) -> dict[str, Any]:
    """Return what decides the values of a study's trials, as JSON; raises DataError where there are no images."""
    definition = study.model_dump(mode="json", include=_CHOSEN, exclude_defaults=True)
    definition |= {"fixed": study.fixed}
    try:
        definition["data"] = atomic_files.digest(layout.dataset(study.task, "train"))
        if isinstance(study.objective, OnSplit):
            definition["split"] = atomic_files.digest(layout.split(study.task, study.objective.strategy))
    except FileNotFoundError as error:
        raise DataError(
            f"{error.filename} is missing: run `dvc repro split` first, `dvc repro split-folder` for your own folders"
        ) from error
    if isinstance(study.sampler, BestOf):
        points = json.dumps(known_points(study, layout), sort_keys=True)
        definition["points"] = hashlib.sha256(points.encode()).hexdigest()[:32]
    definition["code"] = study_version(study)
    return dict(json.loads(json.dumps(definition)))


def difference(name: str, place: str, commit: str, stored: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return, in one line, the first difference between two definitions of a study, and how to continue.

    `place` is the address of the database, `commit` the one that the stored study was made with.
    """
    before, now = flat(stored), flat(wanted)
    key = next(key for key in [*now, *before] if before.get(key) != now.get(key))
    delete = shlex.join(["optuna", "delete-study", "--study-name", name, "--storage", place])
    password = " (with the password in place of ***)" if "***" in place else ""
    revision = commit if commit and not commit.endswith("-dirty") else "<commit>"
    same = f"`make same REV={revision}` if it computes the same; else " if key == "code" else ""
    return (
        f"study {name!r} in {place} was made with another {key}: {_written(before, key)} there, "
        f"{_written(now, key)} now: {same}give the study another name in params.yaml, or delete its trials: "
        f"`{delete}`{password}"
    )


def _written(definition: dict[str, Any], key: str) -> str:
    return repr(definition[key]) if key in definition else "not set"
