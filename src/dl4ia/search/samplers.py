"""Which point comes next, and which trial is not worth finishing: Optuna's samplers and pruners, by name."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from dl4ia.config import Study


def sampler_of(study: Study) -> BaseSampler:
    """Return what chooses points; those of a grid are all queued, and nothing is left to choose."""
    return _SeededByTrial(study)


def pruner_of(study: Study) -> BasePruner:
    """Return what stops trials early.

    Optuna's median pruner compares the best value that a trial has reported so far with the median of what the complete
    trials reported at the same step. On one split these are the points of the curve. With folds the steps are the
    folds' numbers and the values running means over the folds so far: a trial that was good on an easy first fold is
    stopped late, or not at all.
    """
    if study.pruner.kind == "none":
        return NopPruner()
    return MedianPruner(n_startup_trials=study.pruner.startup, n_warmup_steps=study.pruner.warmup)


def root_trial_number(trial: FrozenTrial) -> int:
    """Return the number of the trial that this one repeats, directly or not, or its own."""
    root = RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
    return trial.number if root is None else root


class _SeededByTrial(BaseSampler):
    """Samples by the study's seed and the trial's number: no two workers draw alike.

    A trial that repeats another draws as that one would have. TPE also depends on which trials have ended: with several
    workers, or after an interruption, later points may be others than without.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._sampler: BaseSampler = RandomSampler()

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        seed = (self._study.seed << 16) + root_trial_number(trial)
        config = self._study.sampler
        if config.kind == "tpe":
            self._sampler = TPESampler(
                n_startup_trials=config.startup, seed=seed, multivariate=True, constant_liar=True
            )
        else:
            self._sampler = RandomSampler(seed)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 (Optuna's)
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Any,  # noqa: ANN401 (Optuna's)
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)
