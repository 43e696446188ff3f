"""What a study has resulted in, as files: tables of its trials and curves, importances, the best settings."""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState
from ruamel.yaml import YAML

from dl4ia.base import atomic_files
from dl4ia.base.errors import RunError
from dl4ia.config import Study
from dl4ia.runs.study_directory import StudyDirectory

_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_BUDGET = ("seeds", "iterations", "evaluate_every", "split")  # of a trial, not of the variant that takes its settings


def write_tables(trials: Sequence[FrozenTrial], study: Study, directory: StudyDirectory) -> None:
    """Write `curves.csv` and then `trials.csv` of all trials that have ended: who reads a trial finds its points."""
    ended = [trial for trial in trials if trial.state in _STATES]
    curves = [{"trial": trial.number, **point} for trial in ended for point in trial.user_attrs.get("curves", [])]
    directory.write_table("curves", pd.DataFrame(curves, columns=None if curves else ["trial", "fold", "step"]))
    columns = ["trial", "state", "value", "started", "seconds", "error", *study.space]
    directory.write_table("trials", pd.DataFrame([_row(trial) for trial in ended], columns=columns))


def _row(trial: FrozenTrial) -> dict[str, Any]:
    started, ended = trial.datetime_start, trial.datetime_complete
    return {
        "trial": trial.number,
        "state": _STATES[trial.state],
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "started": started.timestamp() if started else None,
        "seconds": (ended - started).total_seconds() if started and ended else None,
        "error": trial.user_attrs.get("error", "interrupted" if trial.state == TrialState.FAIL else None),
        **trial.params,
    }


def best_of(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the first trial with the highest value, if any is complete."""
    return max(_complete(trials), key=lambda trial: (trial.value, -trial.number), default=None)


def write_importances(stored: optuna.Study, study: Study, directory: StudyDirectory) -> None:
    """Write `importances.csv`: which share of the variance of the value each parameter explains by itself.

    These are the main effects of fANOVA (Hutter et al., 2014), as fractions of the variance of its random forest. What
    they leave unexplained is the effect of parameters together: the row `interactions`. There are no rows where all
    points are worth the same, or differ in the last digits alone.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # noqa: PLC0415 (a second to import)

    complete = _complete(stored.get_trials(deepcopy=False))
    values = {tuple(trial.params.values()): trial.value for trial in complete}
    shares: dict[str, float] = {}
    if len(set(values.values())) > 1:
        evaluator = FanovaImportanceEvaluator(seed=0)
        with suppress(RuntimeError):  # of a forest in which no tree has found anything to tell points apart by
            shares = get_param_importances(stored, evaluator=evaluator, params=list(study.space), normalize=False)
            shares["interactions"] = max(0.0, 1 - sum(shares.values()))
    directory.write_table("importances", pd.DataFrame(shares.items(), columns=["parameter", "importance"]))


def write_best(trials: Sequence[FrozenTrial], name: str, study: Study, directory: StudyDirectory) -> None:
    """Write `best.yaml`: all settings of the best trial but its budget; raises RunError if no trial is complete."""
    best = best_of(trials)
    if best is None:
        errors = [trial.user_attrs.get("error", "interrupted") for trial in trials]
        raise RunError(f"no trial of study {name!r} is complete: {next(iter(errors), 'none was started')}")
    settings = {key: value for key, value in study.settings_at(best.params).items() if key not in _BUDGET}
    content = {"study": name, "trial": best.number, "value": best.value, "settings": json.loads(json.dumps(settings))}
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(content, text)
    atomic_files.write(directory.best, text.getvalue().encode())


def _complete(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]
