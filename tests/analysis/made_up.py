"""Results of trainings that never were, in the files that evaluation writes: real shapes, chosen numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dl4ia import config
from dl4ia.config import Params, Variant
from dl4ia.runs.layout import Layout
from dl4ia.runs.results import Metrics, RunRecord, VariantRecord
from dl4ia.tasks import Task, task_of

PARAMS = """
data: {source: stand-in}
seeds: {mnist: [0, 1, 2, 3, 4], warwick: [0, 1, 2, 3, 4]}
split: {mnist: {seed: 0, validation: 50}, warwick: {seed: 0, validation: 0.2}}
champions: {mnist: digits-cnn, warwick: glands-wide}
defaults:
  mnist:
    iterations: 2000
    batch_size: 80
    evaluate_every: 100
    channels_last: false
    split: {strategy: random}
    regularization: {kind: l2, strength: 0.0}
    optimizer: {kind: sgd, learning_rate: 0.01, momentum: 0.9}
    network: {kind: cnn, feature_maps: [8, 16, 32], pools: 2, pool_first: false, activation: relu}
  warwick:
    iterations: 5000
    batch_size: 5
    evaluate_every: 100
    channels_last: true
    split: {strategy: random}
    regularization: {kind: l2, strength: 0.0}
    optimizer: {kind: sgd, learning_rate: 0.01, momentum: 0.9}
    network: {kind: conv-deconv, width: 8, levels: 2}
variants:
  digits-cnn:
    task: mnist
    exercise: "1.2"
    about: ReLU then pool
    reported: {test_accuracy: 0.982, test_loss: 0.051, train_seconds: 1500}
    settings: {}
  digits-pool-first:
    task: mnist
    exercise: "1.3"
    about: pool then ReLU
    reported: {test_accuracy: 0.93}
    settings: {network: {pool_first: true}}
  digits-adam:
    task: mnist
    exercise: "1.4"
    about: 1.2 with Adam
    reported: {}
    settings: {optimizer: {kind: adam, learning_rate: 0.01}}
  glands-listed:
    task: warwick
    exercise: "2.1"
    about: all images, ReLU on the logits
    reported: {test_a_dice: 0.789}
    settings: {split: {strategy: none}, network: {relu_on_logits: true}}
  glands-start: {task: warwick, exercise: "2.2", about: 80 % of the images, reported: {}, settings: {}}
  glands-wide:
    {task: warwick, exercise: "2.2", about: more feature maps, reported: {}, settings: {network: {width: 16}}}
  glands-l2:
    {task: warwick, exercise: "2.2", about: Equation 2, reported: {}, settings: {regularization: {strength: 0.01}}}
  glands-combined:
    task: warwick
    exercise: "2.2"
    about: wider, rotated copies
    reported: {test_a_dice: 0.751, validation_dice: 0.851}
    settings: {network: {width: 16}, added_copies: {rotations: true}}
  glands-patient:
    task: warwick
    exercise: "2.2"
    about: the same, validated on other patients
    reported: {}
    settings: {network: {width: 16}, added_copies: {rotations: true}, split: {strategy: patient}}
  glands-less:
    task: warwick
    group: ablation
    exercise: "2.2"
    about: glands-wide with fewer feature maps
    reported: {}
    compared_with: [glands-wide]
    settings: {network: {width: 4}}
  glands-splits:
    task: warwick
    group: splits
    exercise: "2.2"
    about: a split for each seed
    reported: {}
    settings: {network: {width: 16}, split: {strategy: random-repeats}}
  glands-starts:
    task: warwick
    group: starts
    exercise: "2.2"
    about: five starts
    reported: {}
    settings: {network: {relu_on_logits: true}}
  glands-later: {task: warwick, exercise: "2.2", about: not run yet, reported: {}, settings: {network: {levels: 1}}}
studies:
  lambda:
    task: warwick
    about: both penalties
    space: {regularization: {kind: [l2, weight-decay], strength: [0.0, 0.01]}}
    settings: {optimizer: {kind: adam, learning_rate: 0.01}}
    sampler: {kind: grid}
    pruner: {kind: none}
    objective: {kind: folds, strategy: random, folds: 3}
    trials: 4
    iterations: 1500
    evaluate_every: 150
    seed: 0
    hours: 4
  sizes:
    task: warwick
    about: the size of the network
    space:
      network: {width: {low: 4, high: 16, log: true}, levels: {low: 1, high: 3, log: false}, batch_norm: [false, true]}
    settings: {}
    sampler: {kind: tpe, startup: 4}
    pruner: {kind: median, startup: 2, warmup: 0}
    objective: {kind: split, strategy: patient}
    trials: 6
    iterations: 600
    evaluate_every: 100
    seed: 0
    hours: 4
searched:
  glands-searched:
    best: results/search/sizes/best.yaml
    task: warwick
    exercise: "2.4"
    about: the best of the study sizes
    reported: {}
    settings: {split: {strategy: none}}
published:
  A-contest: {task: warwick, source: a paper, scores: {test_a_object_f1: 0.9, test_a_object_hausdorff: 45.4}}
ensembles:
  glands-ensemble:
    {task: warwick, exercise: "2.4", about: two variants together, reported: {}, members: [glands-start, glands-wide]}
"""
EVALUATIONS = """time,name,runs,key,git_commit
2026-01-01T00:00:00+00:00,digits-cnn,5,aaaa,0123
2026-01-02T00:00:00+00:00,glands-wide,5,bbbb,0123
2026-01-03T00:00:00+00:00,glands-wide,5,bbbb,0123
2026-01-04T00:00:00+00:00,glands-wide,5,cccc,4567
"""
BEST = "{study: sizes, trial: 4, value: 0.82, settings: {network: {kind: conv-deconv, width: 12, levels: 2}}}\n"
WITH_OBJECTS = ("glands-wide", "glands-ensemble")  # measured at the published resolution
DIGITS = 2000  # test images, of which the same are hard for every run
Shape = Literal["settled", "over-fitted", "unstable", "falling"]  # of the losses of a run that trained
VERSIONS = {"python": "3.11.7", "torch": "2.15.0", "numpy": "2.4.6"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Run:
    """How a run is to look: its scores; `dead` runs stay at chance level, diverged ones have no metrics."""

    test: float = 0.8
    validation: float = 0.82
    train: float = 0.88
    shape: Shape = "settled"
    left: float = 0.02  # chance level, as a fraction of the training
    state: str = "finished"
    dead: bool = False
    commit: str = COMMIT

    @property
    def trained(self) -> bool:
        """Whether the network left chance level."""
        return self.state == "finished" and not self.dead


def write_variant(params: Params, layout: Layout, name: str, runs: Sequence[Run], points: int = 50) -> None:
    """Write `results/<name>/` of a variant, its runs numbered from 0."""
    variant = params.variants[name]
    task = task_of(variant.task)
    curves = [_curves(run, seed, variant, task, points) for seed, run in enumerate(runs)]
    write_results(layout, name, task, runs, validated=variant.settings.split.strategy != "none", curves=curves)


def write_results(
    layout: Layout,
    name: str,
    task: Task,
    runs: Sequence[Run],
    *,
    validated: bool,
    curves: Sequence[pd.DataFrame] = (),
    members: Sequence[str] = (),
) -> None:
    parts = ("train", "validation", *task.test_sets) if validated else ("train", *task.test_sets)
    finished = {seed: run for seed, run in enumerate(runs) if run.state == "finished"}
    records = [
        RunRecord(
            seed=seed,
            state=run.state,
            trained=run.trained,
            error="the training loss is nan after 700 iterations" if run.state == "diverged" else None,
            seconds=21.0 + seed,
            device="cpu",
            machine="x86_64, 2 cores",
            threads=1,
            versions=VERSIONS,
            git_commit=run.commit,
            key="0" * 32,
            members=tuple(members),
        )
        for seed, run in enumerate(runs)
    ]
    record = VariantRecord(
        name=name,
        task=task.name,
        layers="Conv2d 3×3, 2→8 → MaxPool2d → ReLU",
        optimizer="SGD(lr=0.01, momentum=0.9)",
        weights=16160,
        parameters=16194,
        runs=records,
    )
    tables = {
        "curves": list(curves),
        "images": [_images(run, seed, parts, task) for seed, run in finished.items()],
        "confusion": [_confusion(run, seed, part, task) for seed, run in finished.items() for part in task.test_sets],
        "calibration": [_calibration(run, seed, part) for seed, run in finished.items() for part in task.test_sets],
    }
    metrics = {seed: _metrics(run, parts, task, objects=name in WITH_OBJECTS) for seed, run in finished.items()}
    layout.result(name).write(record, metrics, tables)


def _score(run: Run, part: str) -> float:
    if run.dead:
        return 0.0
    return {"train": run.train, "validation": run.validation, "test_b": run.test + 0.01}.get(part, run.test)


def _metrics(run: Run, parts: Sequence[str], task: Task, *, objects: bool) -> Metrics:
    loss = math.log(len(task.classes))
    metrics: Metrics = {}
    for part in parts:
        score = _score(run, part)
        for name in task.measured:
            if not name.startswith("object_") or (objects and part.startswith("test")):
                metrics[part, name] = 100 * (1 - score) if name == "object_hausdorff" else score
        metrics[part, "loss"] = loss if run.dead else loss * (1 - score)
        if "dice_pooled" in task.measured:
            metrics[part, "dice_pooled"] = score + 0.01 if run.trained else 0.0
    metrics["train", "dead_units"] = 0.75 if run.dead else 0.25
    return metrics


def _images(run: Run, seed: int, parts: Sequence[str], task: Task) -> pd.DataFrame:
    """Return scores of single images of 8 patients around that of the run, or for whole images its mistakes."""
    rng = np.random.default_rng(7)  # the same images are hard in every run
    if not task.signature.dense:
        mistakes = rng.permutation(DIGITS)[: _mistakes(run)] + 1
        names = [f"test_{number}" for number in mistakes]
        columns = {"seed": seed, "part": "test", "name": names, "actual": 5, "predicted": 6, "confidence": 0.97}
        return pd.DataFrame(columns)
    tables = []
    for part, count in zip(parts, (68, 17, 60, 20) if "validation" in parts else (85, 60, 20), strict=True):
        patient = rng.integers(1, 9, count)
        offsets = 0.04 * rng.standard_normal(count) + 0.05 * np.sin(patient)
        dice = np.clip(_score(run, part) + (offsets - offsets.mean()) * run.trained, 0, 1)
        names = [f"{part}_{index + 1}" for index in range(count)]
        columns = {"seed": seed, "part": part, "name": names, "patient": patient, task.metric: dice.round(5)}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def _mistakes(run: Run) -> int:
    """Return how many digits a run misclassifies."""
    return round((1 - _score(run, "test")) * DIGITS)


def _calibration(run: Run, seed: int, part: str) -> pd.DataFrame:
    """Return two bins: a tenth of the predictions, of which half are right, and the others."""
    accuracy = [0.5, (_score(run, part) - 0.05) / 0.9]
    columns = {"seed": seed, "part": part, "count": [200, 1800], "confidence": [0.6, 0.99], "accuracy": accuracy}
    return pd.DataFrame(columns)


def _confusion(run: Run, seed: int, part: str, task: Task) -> pd.DataFrame:
    count = len(task.classes)
    matrix = np.full((count, count), 20) + np.diag(np.full(count, int(1000 * _score(run, part))))
    if not task.signature.dense:
        matrix = np.diag(np.full(count, DIGITS // count))
        matrix[5, 6], matrix[5, 5] = _mistakes(run), DIGITS // count - _mistakes(run)
    rows = [(seed, part, *pair) for pair in np.ndindex(count, count)]
    table = pd.DataFrame(rows, columns=["seed", "part", "actual", "predicted"]).assign(count=matrix.ravel())
    return table.replace({key: dict(enumerate(task.classes)) for key in ("actual", "predicted")})


def _curves(run: Run, seed: int, variant: Variant, task: Task, points: int) -> pd.DataFrame:
    """Return the history of a run: a fall from chance level to the loss of its score, and what its shape says."""
    rng = np.random.default_rng(seed)
    done = np.arange(1, points + 1) / points
    if run.state == "diverged":
        done = done[: points // 7]
    chance = math.log(len(task.classes))
    steps = np.round(done * variant.settings.iterations).astype(int)
    table = pd.DataFrame(
        {"seed": seed, "step": steps, "epoch": steps / 14, "seconds": 21 * done, "learning_rate": 0.01}
    )
    for part in ("train", "validation") if variant.settings.split.strategy != "none" else ("train",):
        score, loss = _shaped(run, part, done, chance)
        noise = rng.standard_normal((2, len(done)))
        table[f"{part}/loss"] = loss * (1 + 0.0003 * noise[0]) if run.dead else loss * (1 + 0.02 * noise[0])
        table[f"{part}/{task.metric}"] = np.clip(score + 0.004 * noise[1] * (not run.dead), 0, 1)
    return table


def _shaped(run: Run, part: str, done: np.ndarray, chance: float) -> tuple[np.ndarray, np.ndarray]:
    if run.dead:
        flips = np.where(np.sin(40 * done + run.left) > 0.97, 0.64, 0.0)  # a dead network turns from none to all
        return flips, np.full(len(done), chance)
    progress = 1 - np.exp(-14 * np.clip(done - run.left + 0.02, 0, None))
    score = _score(run, part) * progress + (0.1 if chance > 1 else 0.4) * (1 - progress)
    loss = chance * (1 - _score(run, part)) * 0.9 * progress + chance * (1 - progress)
    drift = np.clip(done - 0.35, 0, None)
    match run.shape:
        case "over-fitted":
            loss = loss * (1 + 0.6 * drift if part == "validation" else 1 - 0.5 * drift)
        case "unstable":
            loss = loss * (1 + 1.5 * drift)
        case "falling":
            loss = loss * np.exp(-0.9 * done)
        case "settled":
            pass
    return score, loss


def working_copy(root: Path) -> tuple[Params, Layout]:
    """Write params.yaml and the results of all that it has but `glands-later`; return both."""
    layout = Layout(root)
    layout.study("sizes").results.mkdir(parents=True)
    layout.study("sizes").best.write_text(BEST)
    (root / "params.yaml").write_text(PARAMS)
    params = config.load(root / "params.yaml", root)
    for name, runs in RUNS.items():
        write_variant(params, layout, name, runs, points=20 if name.startswith("digits") else 50)
    members = [f"{name}/seed-{seed}" for name in ("glands-start", "glands-wide") for seed in range(5)]
    write_results(layout, "glands-ensemble", task_of("warwick"), [Run(0.85)], validated=True, members=members)
    write_studies(layout)
    layout.test_evaluations.write_text(EVALUATIONS)
    return params, layout


def _around(run: Run, step: float = 0.002) -> list[Run]:
    """Return five runs with scores around those of one."""
    shifts = [step * (index - 2) for index in range(5)]
    return [
        replace(run, test=run.test + shift, validation=run.validation + shift, train=run.train + shift)
        for shift in shifts
    ]


_DEAD = Run(dead=True)
RUNS: dict[str, list[Run]] = {
    "digits-cnn": _around(Run(0.983, 0.982, 0.99), 0.0005),
    "digits-pool-first": _around(Run(0.983, 0.982, 0.99), 0.0005),
    "digits-adam": _around(Run(0.97, 0.969, 0.98, shape="unstable"), 0.0005),
    "glands-listed": [Run(0.776), Run(0.775, left=0.5), _DEAD, _DEAD, Run(state="diverged")],
    "glands-start": _around(Run(0.82, 0.84, 0.86)),
    "glands-wide": _around(Run(0.84, 0.857, 0.89, shape="falling")),
    "glands-l2": [_DEAD, _DEAD, _DEAD],
    "glands-combined": [*_around(Run(0.81, 0.835, 0.9, shape="over-fitted"))[:3], _DEAD, _DEAD],
    "glands-patient": _around(Run(0.806, 0.727, 0.9, shape="over-fitted", commit="f" * 40 + "-dirty")),
    "glands-searched": [Run(0.845, 0.8, 0.97)],
    "glands-less": _around(Run(0.80, 0.82, 0.85)),
    "glands-splits": [*_around(Run(0.82, 0.85, 0.9), 0.01), _DEAD],
    "glands-starts": [Run(0.776, left=0.1), Run(0.775, left=0.5), _DEAD, _DEAD, _DEAD],
}


def write_studies(layout: Layout) -> None:
    """Write the tables of both studies, as a search does; all networks of trial 1 of `lambda` stay at chance level."""
    first = {"started": 0.0, "seconds": 60.0, "error": None}
    kinds, strengths = ["l2", "l2", "weight-decay", "weight-decay"], [0.0, 0.01, 0.0, 0.01]
    trials = pd.DataFrame({"trial": range(4), "state": "complete", "value": [0.796, 0.433, 0.796, 0.804], **first})
    points = trials.assign(**{"regularization.kind": kinds, "regularization.strength": strengths})
    shares = {"regularization.kind": 0.4, "regularization.strength": 0.25}
    _write_study(layout, "lambda", points, shares, folds=(1, 2, 3), at_chance=1)
    states = ["complete", "complete", "pruned", "complete", "complete", "failed"]
    values = [0.7, 0.75, None, 0.815, 0.82, None]
    trials = pd.DataFrame({"trial": range(6), "state": states, "value": values, **first})
    sizes = {"network.width": [4, 6, 5, 10, 12, 16], "network.levels": [1, 2, 3, 2, 2, 1]}
    points = trials.assign(**sizes, **{"network.batch_norm": [False, True, False, True, True, False]})
    _write_study(layout, "sizes", points, {"network.width": 0.5, "network.levels": 0.2, "network.batch_norm": 0.1})


def _write_study(
    layout: Layout,
    name: str,
    trials: pd.DataFrame,
    importances: dict[str, float],
    folds: Sequence[int] = (1, 2),
    at_chance: int | None = None,
) -> None:
    study = layout.study(name)
    curves = [
        {"trial": trial, "fold": fold, "step": step, "train/loss": 0.6931 if trial == at_chance else 0.6 - step / 1000,
         "train/dice": 0.6, "validation/dice": 0.5 + step / 2000 + fold / 100}
        for trial in trials["trial"]
        for fold in folds
        for step in (100, 200)
    ]  # fmt: skip
    shares = {**importances, "interactions": 1 - sum(importances.values())}
    study.write_table("trials", trials)
    study.write_table("curves", pd.DataFrame(curves))
    study.write_table("importances", pd.DataFrame(shares.items(), columns=["parameter", "importance"]))
