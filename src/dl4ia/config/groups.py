"""Groups of experiments, which are run together: the stages of each."""

from pathlib import Path

from dl4ia.base.errors import ConfigError
from dl4ia.base.registry import suggestion
from dl4ia.config.loading import read, rows
from dl4ia.config.variants import REPORT

_STAGES = {"studies": "search", "finals": "search-finals", "variants": "evaluate", "searched": "evaluate-searched",
           "ensembles": "evaluate-ensemble"}  # of dvc.yaml, by section of params.yaml  # fmt: skip


def stages_of(group: str, path: Path = Path("params.yaml")) -> list[str]:
    """Return the last stages of dvc.yaml of the experiments of a group; raises ConfigError.

    Studies come first and variants from the last to the first, as params.yaml begins with the shortest trainings: where
    stages run side by side, none of the long ones is left alone at the end.
    """
    raw = read(path)
    groups: dict[str, list[str]] = {}
    for section, stage in _STAGES.items():
        for name, row, _ in reversed(list(rows(raw, section, path))):
            groups.setdefault(str(row.get("group", REPORT)), []).append(f"{stage}@{name}")
    if group not in groups:
        known = f"it has {', '.join(groups) or 'none'}"
        raise ConfigError(f"group {group!r} is not in params.yaml{suggestion(group, groups)}; {known}")
    return groups[group]
