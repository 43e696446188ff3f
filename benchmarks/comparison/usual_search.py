"""A study the usual way: `python -m benchmarks.comparison.usual_search TRIALS`, in a folder that is thrown away.

Optuna's `optimize` around a plain PyTorch loop, with Optuna's MLflow callback, or where that is not installed what it
does: a run for each trial, with its parameters and its value. Prints the seconds from the start of the first trial to
the end of the last.
"""

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import optuna
import torch
from torch import nn

from benchmarks.comparison.pictures import batches
from benchmarks.comparison.problems import PROBLEMS, Problem
from benchmarks.comparison.searching import ITERATIONS, LAMBDAS, NAME, POINTS, seconds_of
from dl4ia.training.loop import predict

_EXPERIMENT = "usual"


def main(trials: int) -> None:
    """Search, and print the seconds."""
    problem = PROBLEMS[NAME]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        storage = f"sqlite:///{folder}/studies.db"
        study = optuna.create_study(
            storage=storage, sampler=optuna.samplers.RandomSampler(0), direction="maximize", study_name=_EXPERIMENT
        )
        mlflow.create_experiment(_EXPERIMENT, artifact_location=Path(folder).as_uri())
        study.optimize(lambda trial: _objective(trial, problem), trials, callbacks=[_callback()])
        print(seconds_of(study.trials))


def _objective(trial: optuna.Trial, problem: Problem) -> float:
    strength = trial.suggest_float("strength", *LAMBDAS, log=True)
    torch.manual_seed(0)
    network = problem.network()
    optimizer, criterion = problem.optimizer(network), nn.CrossEntropyLoss()
    score = 0.0
    for iteration, (images, targets) in enumerate(batches(problem, ITERATIONS), start=1):
        optimizer.zero_grad(set_to_none=True)
        penalty = sum(weight.square().sum() for weight in network.parameters() if weight.dim() > 1)
        (criterion(network(images), targets) + strength * penalty).backward()
        optimizer.step()
        if iteration % (ITERATIONS // POINTS) == 0:
            logits = predict(network, problem.validation.images)
            score = float(problem.task.score(logits, problem.validation.targets).mean())
            trial.report(score, iteration)
    return score


def _callback() -> Any:  # noqa: ANN401 (Optuna's, or the same as a function)
    try:
        integration = import_module("optuna_integration.mlflow")
    except ImportError:
        return _log
    return integration.MLflowCallback(metric_name="score")


def _log(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    mlflow.set_experiment(study.study_name)
    with mlflow.start_run(run_name=str(trial.number)):
        mlflow.log_params(trial.params)
        mlflow.log_metrics({"score": trial.value or 0.0})


if __name__ == "__main__":
    main(int(sys.argv[1]))
