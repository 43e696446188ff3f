"""What recipes result in with the code of this very revision, to the bit, and which versions that code has."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError

from dl4ia.base import atomic_files
from dl4ia.config import Params, Study, Variant
from dl4ia.config.settings import Settings
from dl4ia.data.imageset import ImageSet
from dl4ia.equivalence.recipes import Recipe
from dl4ia.execution.executor import Context
from dl4ia.runs.code import study_version, training_version
from dl4ia.runs.layout import Layout
from dl4ia.runs.train import Experiment, train
from dl4ia.search.score import running_scores, splits_of

_DEVICE = torch.device("cpu")


@dataclass(frozen=True)
class Job:
    """A recipe, and the folder that has the data and takes the run."""

    recipe: Recipe
    layout: Layout


def result(job: Job, context: Context) -> str | None:
    """Return a digest of what a recipe results in: weights and curves, or scores; None if its settings are unknown."""
    try:
        return _score(job) if job.recipe.study else _training(job, context)
    except ValidationError:
        return None


def _training(job: Job, context: Context) -> str:
    """Train as the pipeline does, and return a digest of what the run directory then holds of the result."""
    recipe = job.recipe
    settings = Settings.model_validate_json(json.dumps(recipe.settings))
    variant = Variant(task=recipe.task, exercise="", about="", reported={}, settings=settings)
    experiment = Experiment(hashlib.sha256(recipe.name.encode()).hexdigest(), variant, 0, job.layout, "cpu")
    train((experiment, ""), context)
    run = experiment.run
    state, curves = run.status().state, run.history().drop(columns="seconds", errors="ignore")
    weights = atomic_files.digest(run.path / "model.safetensors") if state == "finished" else ""
    return hashlib.sha256(f"{state}\n{curves.to_csv()}\n{weights}".encode()).hexdigest()


def _score(job: Job) -> str:
    study = Study.model_validate_json(json.dumps(job.recipe.study))
    images = ImageSet.load(job.layout.dataset(study.task, "train"))
    splits = splits_of(study, images, job.layout.split(study.task, study.objective.strategy))
    scores = list(running_scores(study, job.recipe.point or {}, images, splits, _DEVICE, lambda _: ()))
    return hashlib.sha256(repr(scores).encode()).hexdigest()


def code_versions(params: Params) -> dict[str, dict[str, Any]]:
    """Return the version of the code of each variant and study, by what it is the version for: settings, space."""
    return {
        "variants": {
            name: {"for": variant.settings.deciding, "version": training_version(variant)}
            for name, variant in params.variants.items()
        },
        "studies": {
            name: {"for": [study.fixed, study.model_dump(mode="json")["space"]], "version": study_version(study)}
            for name, study in params.studies.items()
        },
    }
