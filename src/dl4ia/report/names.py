"""Names of metrics, parts and settings for people."""

from dl4ia.tasks import Task

_PARTS = {"train": "training", "validation": "validation", "test": "test"}
_METRICS = {"dice": "Dice", "loss": "cross-entropy", "dice_pooled": "Dice, all pixels pooled",
            "boundary_dice": "Dice at edges", "iou": "IoU", "object_f1": "object F1", "object_dice": "object Dice",
            "object_hausdorff": "object Hausdorff distance"}  # fmt: skip


def part(name: str) -> str:
    """Return `test A` for `test_a`, `training` for `train`."""
    first, _, which = name.partition("_")
    return f"{_PARTS.get(first, first)} {which.upper()}".strip()


def score(metric: str) -> str:
    """Return the name of a metric without a part."""
    return _METRICS.get(metric, metric.replace("_", " "))


def axis(task: Task) -> str:
    """Return the label of an axis of scores, with the class that is measured where that is one of the classes."""
    return f"{score(task.metric)} ({task.classes[-1]})" if task.signature.dense else score(task.metric)


def metric(name: str, parts: tuple[str, ...]) -> str:
    """Return `test A Dice` for `test_a_dice`, given the parts of its task; `training time` for `train_seconds`."""
    prefix = next((each for each in sorted(parts, key=len, reverse=True) if name.startswith(f"{each}_")), "")
    return f"{part(prefix)} {score(name.removeprefix(f'{prefix}_'))}".strip()


def setting(key: str) -> str:
    """Return the name of a setting: its key without the section."""
    *sections, last = key.split(".")
    if sections[:1] == ["augmentation"]:
        return " ".join([*sections[1:], last])
    if last == "kind" and sections:
        return sections[-1]
    return {"strength": "λ", "strategy": "validation split"}.get(last, last.replace("_", " ").replace("relu", "ReLU"))
