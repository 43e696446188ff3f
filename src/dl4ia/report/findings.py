"""What the studies found, for the page: the space, the winner, how sure one can be, and what mattered."""

from dataclasses import dataclass

import pandas as pd

from dl4ia import files
from dl4ia.config import Params, Study
from dl4ia.report.studies import label
from dl4ia.runs import Layout, StudyDirectory

_CAPTIONS = {
    "lambda": "validation Dice over λ", "widths": "validation Dice by first width and levels",
    "history": "trials in order", "importances": "importance of each parameter",
    "slices": "validation Dice over each parameter",
    "parallel-coordinates": "every trial as a line through its parameters",
}  # fmt: skip
_TOLD = ["study", "trial", "state", "value", "seconds"]
_TOP = 5  # trials shown


@dataclass(frozen=True)
class Finding:
    """A study as the page shows it: `top` are its best trials, `pictures` the captions by path."""

    name: str
    study: Study
    trials: pd.DataFrame
    importances: pd.DataFrame
    top: pd.DataFrame
    pictures: dict[str, str]

    @property
    def counts(self) -> str:
        """How many trials ended in which state."""
        counts = self.trials["state"].value_counts()
        return ", ".join(f"{counts[state]} {state}" for state in ("complete", "pruned", "failed") if state in counts)

    @property
    def objective(self) -> str:
        """What a trial was scored by."""
        objective, iterations = self.study.objective, self.study.iterations
        among = f"one {objective.strategy} split"
        if objective.kind == "folds":
            grouped = "by patient" if objective.strategy == "patient" else "at random"
            among = f"{objective.folds} folds drawn {grouped}"
        return f"validation Dice, {among}, after {iterations} iterations"

    @property
    def space(self) -> str:
        """The dimensions and what each may be."""
        return "; ".join(f"{label(key)}: {dimension.told}" for key, dimension in self.study.space.items())

    @property
    def verdict(self) -> str:
        """How far the best trial is ahead, in a sentence."""
        values = self.trials.loc[self.trials["state"] == "complete", "value"].sort_values(ascending=False)
        if len(values) < 2:  # noqa: PLR2004 (nothing to compare)
            return ""
        objective = self.study.objective
        each = "once a fold, each time from another seed" if objective.kind == "folds" else "once, from one seed"
        near = int((values >= values.iloc[0] - 0.01).sum()) - 1
        return (
            f"The best is {values.iloc[0] - values.iloc[1]:.3f} ahead of the second, and {near} more of {len(values)} "
            f"complete trials are within 0.010 of it. Each was trained {each}."
        )

    @property
    def mattered(self) -> str:
        """The parameters by importance, in words."""
        shares = [f"{label(row.parameter)} {row.importance:.0%}" for row in self.importances.itertuples()]
        return ", ".join(shares)


def findings(params: Params, layout: Layout) -> list[Finding]:
    """Return every study that has ended, its pictures brought beside the page."""
    ended = [(name, study, layout.study(name)) for name, study in params.studies.items()]
    return [_finding(*item, layout) for item in ended if (item[2].path / "best.yaml").exists()]


def trials_table(found: list[Finding]) -> pd.DataFrame:
    """Return a row a trial of all studies, and a column a parameter."""
    if not found:
        return pd.DataFrame(columns=_TOLD)
    tables = [item.trials.assign(study=item.name).drop(columns=["started", "error"]) for item in found]
    table = pd.concat(tables, ignore_index=True)
    return table[[*_TOLD, *table.columns.drop(_TOLD)]]


def _finding(name: str, study: Study, directory: StudyDirectory, layout: Layout) -> Finding:
    trials = directory.table("trials")
    top = trials[trials["state"] == "complete"].nlargest(_TOP, "value")[["trial", "value", *study.space]]
    pictures = {}
    for picture, caption in _CAPTIONS.items():
        if (directory.path / f"{picture}.png").exists():
            shown = layout.report / "figures" / f"search-{name}-{picture}.png"
            files.write(shown, (directory.path / f"{picture}.png").read_bytes())
            pictures[str(shown.relative_to(layout.report))] = caption
    return Finding(name, study, trials, directory.table("importances"), top.rename(columns=label), pictures)
