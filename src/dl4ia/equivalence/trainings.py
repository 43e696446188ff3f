"""What recipes result in with the code of this very revision, to the bit, and which versions that code has."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import ValidationError

from dl4ia.config import Ensemble, Params, Settings, Study, Variant
from dl4ia.config.params import Data
from dl4ia.config.variants import Objects, measures_objects
from dl4ia.data.imageset import ImageSet
from dl4ia.equivalence.recipes import Recipe
from dl4ia.execution.executor import Context, Emit
from dl4ia.runs.code import study_version, training_version, versions
from dl4ia.runs.evaluate import evaluate_ensemble, evaluate_variant
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import ResultDirectory
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.train import Experiment, train
from dl4ia.search.score import running_scores, splits_of
from dl4ia.tasks import task_of

_DEVICE = torch.device("cpu")
_SEPARATION = 1.0  # of single objects: the one that computes most


@dataclass(frozen=True)
class Job:
    """A recipe, and the folder that has the data and takes the run."""

    recipe: Recipe
    layout: Layout


def result(job: Job, context: Context) -> str | None:
    """Return a digest of what a recipe results in: weights, curves and metrics; None if its settings are unknown."""
    try:
        return _score(job) if job.recipe.study else _training(job, context)
    except ValidationError:
        return None


def _training(job: Job, context: Context) -> str:
    """Train, and evaluate, as the pipeline does; return a digest of all that results."""
    recipe, digest = job.recipe, hashlib.sha256()
    settings = Settings.model_validate_json(json.dumps(recipe.settings))
    variant = Variant(**_row(recipe.task), settings=settings)
    name = hashlib.sha256(recipe.name.encode()).hexdigest()
    for seed in settings.seeds:
        experiment = Experiment(name, variant, seed, job.layout, "cpu")
        train((experiment, ""), context)
        _add_run(digest, experiment.run)
    if recipe.evaluated:
        _add_evaluation(digest, name, variant, job.layout, context)
    return digest.hexdigest()


def _row(task: str) -> dict[str, Any]:
    """Return what every row of params.yaml has, with the most that the task allows at evaluation."""
    row = {"task": task, "exercise": "", "about": "", "reported": {}, "test_time": task_of(task).test_time[-1]}
    return row | ({"objects": Objects(separation=_SEPARATION)} if measures_objects(task_of(task)) else {})


def _add_evaluation(digest: "hashlib._Hash", name: str, variant: Variant, layout: Layout, context: Context) -> None:
    """Evaluate a trained variant, and the ensemble of its runs; add the results and the pictures."""
    both = f"{name}-ensemble"
    params = Params(
        data=Data(source="stand-in"),
        device="cpu",
        seeds={},
        split={},
        variants={name: variant},
        ensembles={both: Ensemble(**_row(variant.task), members=(name,))},
    )
    for evaluate, evaluated in ((evaluate_variant, name), (evaluate_ensemble, both)):
        _add_results(digest, evaluate(evaluated, params, layout, _Here(context)))
        for picture in sorted(layout.evaluation(evaluated).rglob("*.png")):
            digest.update(picture.read_bytes())


@dataclass(frozen=True)
class _Here:
    """The executor of a job that runs others: one after the other, in its own process."""

    context: Context
    workers: int = 1

    def run(self, work: Callable[[Any, Context], Any], jobs: Sequence[Any], on_event: Emit) -> list[Any]:
        """Call `work(job, context)` for each job."""
        return [work(job, replace(self.context, emit=on_event)) for job in jobs]


def _add_run(digest: "hashlib._Hash", run: RunDirectory) -> None:
    """Add what a run resulted in, without its times."""
    state, curves = run.status().state, run.history().drop(columns="seconds", errors="ignore")
    digest.update(f"{state}\n{curves.to_csv()}".encode())
    if state == "finished":
        digest.update((run.path / "model.safetensors").read_bytes())


def _add_results(digest: "hashlib._Hash", results: ResultDirectory) -> None:
    """Add the results of an evaluation, without times and what describes the machine."""
    record = results.record()
    digest.update(repr((record.layers, record.optimizer, [run.trained for run in record.runs])).encode())
    digest.update((results.path / "metrics.json").read_bytes())
    for name in ("metrics", "curves", "images", "confusion", "calibration"):
        digest.update(results.table(name).drop(columns="seconds", errors="ignore").to_csv().encode())


def _score(job: Job) -> str:
    study = Study.model_validate_json(json.dumps(job.recipe.study))
    images = ImageSet.load(job.layout.dataset(study.task, "train"))
    splits = splits_of(study, images, job.layout.split(study.task, study.objective.strategy))
    scores = list(running_scores(study, job.recipe.point or {}, images, splits, _DEVICE, lambda _: ()))
    return hashlib.sha256(repr(scores).encode()).hexdigest()


def code_versions(params: Params) -> dict[str, dict[str, Any]]:
    """Return the versions of the code that the recipes compare, by what each is the version for."""
    evaluation = versions(params)["evaluate"]
    assert isinstance(evaluation, dict)
    return {
        "variants": {
            name: {"for": variant.settings.deciding, "version": training_version(variant)}
            for name, variant in params.variants.items()
        },
        "studies": {
            name: {"for": [study.fixed, study.model_dump(mode="json")["space"]], "version": study_version(study)}
            for name, study in params.studies.items()
        },
        "evaluation": {name: {"for": name, "version": version} for name, version in evaluation.items()},
    }
