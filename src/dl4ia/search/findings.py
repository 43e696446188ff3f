"""What a study has found, as files: tables of its trials and curves, the best settings, pictures."""

import io
import json
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState
from ruamel.yaml import YAML

from dl4ia import files
from dl4ia.config import Study
from dl4ia.errors import RunError
from dl4ia.runs import StudyDirectory

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_BUDGET = ("seeds", "iterations", "evaluate_every", "split", "device")  # of a trial, not of what it found


def write_tables(found: optuna.Study, study: Study, directory: StudyDirectory) -> None:
    """Write `trials.csv` and `curves.csv` of all trials that have ended."""
    ended = [trial for trial in found.get_trials(deepcopy=False) if trial.state in STATES]
    columns = ["trial", "state", "value", "started", "seconds", "error", *study.space]
    directory.write_table("trials", pd.DataFrame([_row(trial) for trial in ended], columns=columns))
    curves = [{"trial": trial.number, **point} for trial in ended for point in trial.user_attrs.get("curves", [])]
    directory.write_table("curves", pd.DataFrame(curves, columns=None if curves else ["trial", "fold", "step"]))


def _row(trial: FrozenTrial) -> dict[str, Any]:
    started, ended = trial.datetime_start, trial.datetime_complete
    return {
        "trial": trial.number,
        "state": STATES[trial.state],
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "started": started.timestamp() if started else None,
        "seconds": (ended - started).total_seconds() if started and ended else None,
        "error": trial.user_attrs.get("error", "interrupted" if trial.state == TrialState.FAIL else None),
        **trial.params,
    }


def best_of(found: optuna.Study) -> FrozenTrial | None:
    """Return the trial with the highest value, if any has come to its end."""
    complete = found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def write_importances(found: optuna.Study, directory: StudyDirectory) -> None:
    """Write `importances.csv`: each parameter's share of the variance of the value (fANOVA, Hutter et al., 2014)."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # noqa: PLC0415 (a second to import)

    values = {trial.value for trial in found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    shares: dict[str, float] = {}
    if len(values) > 1:  # or there is nothing to explain
        shares = get_param_importances(found, evaluator=FanovaImportanceEvaluator(seed=0))
    directory.write_table("importances", pd.DataFrame(shares.items(), columns=["parameter", "importance"]))


def write_best(found: optuna.Study, name: str, study: Study, directory: StudyDirectory) -> None:
    """Write `best.yaml`: all settings of the best trial but its budget; raises RunError if no trial has ended well."""
    best = best_of(found)
    if best is None:
        errors = [trial.user_attrs.get("error", "killed") for trial in found.get_trials(deepcopy=False)]
        raise RunError(f"no trial of {name} has come to its end: {next(iter(errors), 'none was started')}")
    settings = {key: value for key, value in study.settings_at(best.params).items() if key not in _BUDGET}
    content = {"study": name, "trial": best.number, "value": best.value, "settings": json.loads(json.dumps(settings))}
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(content, text)
    files.write(directory.path / "best.yaml", text.getvalue().encode())
