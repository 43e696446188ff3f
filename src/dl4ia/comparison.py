"""Results of variants beside each other: `dl4ia compare`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dl4ia.analysis.families import chosen_pairs, pairs_table
from dl4ia.analysis.tables import Result, results
from dl4ia.base.errors import UserError
from dl4ia.config import Params
from dl4ia.report import formats
from dl4ia.report import names as spelled
from dl4ia.report.plots.overlay import overlay
from dl4ia.runs.layout import Layout
from dl4ia.tasks.figures import save

_TWO = 2


def compare(names: Sequence[str], params: Params, layout: Layout, picture: Path) -> pd.DataFrame:
    """Test each two of the named variants against each other, and draw their curves if there is anything to compare.

    Return the rows that `results/comparisons.csv` has for such pairs: p values are corrected for all that are asked
    for. Everything is read from `results/`. Raises UserError for names without results, or of different tasks, and for
    a picture that is no PNG file.
    """
    if picture.suffix.lower() != ".png" or picture.is_dir():
        raise UserError(f"--out {picture}: expected the name of a PNG file")
    chosen = _chosen(names, params, layout)
    pairs = chosen_pairs(chosen, params)
    if pairs:
        save(overlay(chosen), picture)
    return pairs_table({chosen[0].task.name: pairs})


def _chosen(names: Sequence[str], params: Params, layout: Layout) -> list[Result]:
    """Return the results of the names, in their order."""
    if len(set(names)) < _TWO:
        raise UserError(f"{' '.join(names)}: expected the names of at least two variants")
    for name in names:
        if name not in params.ensembles:
            params.variant(name)  # which raises for what is no variant
    for name in names:
        if not (layout.result(name).path / "runs.json").exists():
            raise UserError(f"{layout.result(name).path} is missing: `dvc repro evaluate@{name}` writes it")
    read = {each.name: each for each in results(params, layout, names)}
    chosen = [read[name] for name in dict.fromkeys(names)]
    tasks = {each.task.title: each.name for each in chosen}
    if len(tasks) > 1:
        each = " and ".join(f"{name} is of {task}" for task, name in tasks.items())
        raise UserError(f"{each}: compare variants of one task")
    return chosen


def left_out(names: Sequence[str], table: pd.DataFrame) -> list[str]:
    """Return the names that are in no row of what `compare` returned: no run of these trained."""
    return [name for name in dict.fromkeys(names) if name not in {*table["variant"], *table["rival"]}]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `compare` as people read them."""
    intervals = table[["low", "high"]].itertuples(index=False)
    runs = table[["seeds", "rival_seeds"]].itertuples(index=False)
    columns = {
        "on": [spelled.part(part) for part in table["part"]],
        "variant": table["variant"],
        "minus": table["rival"],
        "difference": [f"{value:+.4f}" for value in table["difference"]],
        "95 % interval": [f"[{low:+.4f}, {high:+.4f}]" for low, high in intervals],
        "runs": [f"{ours}, {theirs}" for ours, theirs in runs],
        "images": table["images"],
        "p": [formats.significance(value) for value in table["adjusted_p"]],
        "verdict": table["verdict"]
        + ["" if same else " (trained on other images)" for same in table["same_training_images"]],
    }
    return pd.DataFrame(columns)
