"""A finished run against the sets it may be tested on: the only place where a test set is opened."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dl4ia import files
from dl4ia.config import Task, Variant
from dl4ia.data.datasets import TEST_SETS
from dl4ia.data.imageset import ImageSet
from dl4ia.errors import RunError
from dl4ia.experiment import Experiment, Normalization, device_for, experiments, network_for, training_data
from dl4ia.metrics import segmentation
from dl4ia.metrics.classification import confusion_matrix
from dl4ia.records import Figures, damaged, read_json
from dl4ia.runs import Layout
from dl4ia.training.loop import predict
from dl4ia.training.objectives import cross_entropy

CLASSES = {"mnist": [str(digit) for digit in range(10)], "warwick": ["background", "gland"]}
HEADLINE = {"mnist": ("accuracy", "loss"), "warwick": ("dice", "dice_pooled", "loss")}

_EXAMPLES = 16  # mistakes kept for the pictures
_EXTREMES = 4  # worst and best segmentations kept, each
_REDUCED = {"dice": segmentation.dice, "iou": segmentation.iou, "pixel_accuracy": segmentation.pixel_accuracy,
            "precision": segmentation.precision, "recall": segmentation.recall}  # fmt: skip
_MEASURED = {
    "mnist": ("loss", "accuracy", "precision", "recall"),
    "warwick": ("loss", *_REDUCED, *(f"{name}_pooled" for name in _REDUCED)),
}


def evaluate_variant(name: str, variant: Variant, layout: Layout) -> list[Path]:
    """Evaluate every finished run of a variant; return the folder of each.

    Writes `metrics.json` (the mean over seeds of the headline figures), `curves.csv` (all histories) and, for each run,
    what `evaluate` leaves. Raises RunError if no run has finished.
    """
    finished = [experiment for experiment in experiments(name, variant, layout) if experiment.run.finished]
    if not finished:
        raise RunError(f"no run of {name} has finished: run `dvc repro`")
    folders = [evaluate(experiment) for experiment in finished]
    table = pd.DataFrame([read_figures(folder / "metrics.json", variant.task) for folder in folders])
    headline = [column for column in table if str(column).split("/")[-1] in HEADLINE[variant.task]]
    means = {str(column).replace("/", "_"): float(table[column].mean()) for column in headline}
    write_json(layout.evaluation(name) / "metrics.json", {"seeds": len(finished)} | means)
    histories = [experiment.run.history.assign(seed=experiment.seed) for experiment in finished]
    files.write(layout.evaluation(name) / "curves.csv", pd.concat(histories).to_csv(index=False).encode())
    return folders


def evaluate(experiment: Experiment) -> Path:
    """Measure one run on train, validation and test sets; return the folder with the findings.

    Writes `metrics.json`, `images.csv` (one row an image), `confusion-<test set>.csv` (rows true, columns guessed) and
    `examples.npz`: the most confident mistakes, or the worst and best segmentations, of the first test set.
    """
    task = experiment.variant.task
    folder = experiment.layout.evaluation(experiment.name) / "runs" / f"seed-{experiment.seed}"
    metrics: dict[str, float] = {}
    per_image: list[pd.DataFrame] = []
    for part, images in _sets(experiment).items():
        logits, targets = _logits(experiment, images), torch.from_numpy(images.targets).long()
        guesses = logits.argmax(dim=1)
        found, table = (_classified if task == "mnist" else _segmented)(images, logits, targets)
        metrics |= {f"{part}/{metric}": value for metric, value in found.items()}
        per_image.append(table.assign(partition=part))
        if part in TEST_SETS[task]:
            matrix = confusion_matrix(targets.flatten(), guesses.flatten(), len(CLASSES[task]))
            counts = pd.DataFrame(matrix.numpy(), index=CLASSES[task], columns=CLASSES[task])
            files.write(folder / f"confusion-{part}.csv", counts.to_csv(index_label="true").encode())
        if part == TEST_SETS[task][0]:
            with files.replacing(folder / "examples.npz") as file:
                np.savez_compressed(file, allow_pickle=False, **_examples(task, images, guesses.numpy(), table))
    write_json(folder / "metrics.json", metrics)
    files.write(folder / "images.csv", pd.concat(per_image).to_csv(index=False).encode())
    return folder


def trained(experiment: Experiment) -> tuple[nn.Module, Normalization]:
    """Return the network of a finished run, and how its images are standardised; raises RunError if they do not fit."""
    network, run = network_for(experiment.variant), experiment.run
    try:
        network.load_state_dict(run.weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{run.path} was trained with other settings than params.yaml has now ({reason})") from error
    return network, Normalization(**run.config["normalization"])


def read_figures(path: Path, task: Task) -> dict[str, float]:
    """Read the `metrics.json` that `evaluate` left; raises RunError unless it has all of its figures, and no other."""
    figures: dict[str, float] = read_json(path, Figures, path.parents[2])
    parts = {name.split("/")[0] for name in figures} | {"train", *TEST_SETS[task]}
    expected = {f"{part}/{metric}" for part in parts for metric in _MEASURED[task]}
    if expected != figures.keys() or parts > {"train", "validation", *TEST_SETS[task]}:
        wrong = min(expected ^ figures.keys() or parts)
        raise damaged(path, f"{wrong}: expected each figure of each part, and no other", path.parents[2])
    return figures


def write_json(path: Path, content: dict[str, float]) -> None:
    """Write figures by name."""
    files.write(path, json.dumps(content, indent=2).encode() + b"\n")


def _sets(experiment: Experiment) -> dict[str, ImageSet]:
    data, split = training_data(experiment)
    sets = {"train": data.take(split.train)}
    if split.validation:
        sets["validation"] = data.take(split.validation)
    task = experiment.variant.task
    test = ImageSet.load(experiment.layout.dataset(task, "test"))
    return sets | {part: test.part(part) for part in TEST_SETS[task]}


def _logits(experiment: Experiment, images: ImageSet) -> Tensor:
    device = device_for(experiment.variant.settings.device)
    network, normalization = trained(experiment)
    return predict(network.to(device), normalization.apply(images.images).to(device)).cpu()


def _classified(images: ImageSet, logits: Tensor, labels: Tensor) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the figures of a set of digits, precision and recall averaged over classes, and a row an image."""
    from sklearn.metrics import precision_score, recall_score  # noqa: PLC0415 (a second to import, for digits only)

    confidence, guesses = logits.softmax(dim=1).max(dim=1)
    figures = {
        "loss": float(cross_entropy(logits, labels)),
        "accuracy": float((guesses == labels).double().mean()),
        "precision": float(precision_score(labels, guesses, average="macro", zero_division=0)),
        "recall": float(recall_score(labels, guesses, average="macro", zero_division=0)),
    }
    columns = {
        "name": images.names,
        "label": labels.numpy(),
        "guess": guesses.numpy(),
        "confidence": confidence.numpy(),
    }
    return figures, pd.DataFrame(columns)


def _segmented(images: ImageSet, logits: Tensor, masks: Tensor) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the figures of a set of glands, as means over images and over all pixels, and a row an image."""
    counts = segmentation.count(logits.argmax(dim=1), masks)
    pooled = segmentation.pooled(counts)
    each = {name: measure(counts).double() for name, measure in _REDUCED.items()}
    figures = {"loss": float(cross_entropy(logits, masks))}
    figures |= {name: float(values.mean()) for name, values in each.items()}
    figures |= {f"{name}_pooled": float(measure(pooled)) for name, measure in _REDUCED.items()}
    columns = {name: values.numpy() for name, values in each.items()}
    return figures, pd.DataFrame({"name": images.names, "patient": images.groups} | columns)


def _examples(task: Task, images: ImageSet, guesses: np.ndarray, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the images to look at, with what was guessed and the `score` they were chosen by."""
    if task == "mnist":
        score, wrong = "confidence", table[table["label"] != table["guess"]]
        chosen = wrong.sort_values(score, ascending=False).index[:_EXAMPLES].to_numpy()
    else:
        score, order = "dice", table.sort_values("dice").index.to_numpy()
        chosen = np.concatenate([order[:_EXTREMES], order[-_EXTREMES:]])
    return {
        "names": images.names[chosen],
        "images": images.images[chosen],
        "targets": images.targets[chosen],
        "guesses": guesses[chosen],
        "score": table[score].to_numpy()[chosen],
    }
