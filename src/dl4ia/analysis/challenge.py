"""Edges, and single objects at the published resolution, beside what others report."""

from collections.abc import Sequence

import pandas as pd

from dl4ia.analysis.tables import Result
from dl4ia.config import Params

OBJECTS = ("object_f1", "object_dice", "object_hausdorff")
MEASURES = ("dice", "boundary_dice", *OBJECTS)
_COLUMNS = ["task", "method", "source", "part", "runs", *(f"{name}{end}" for name in MEASURES for end in ("", "_sd"))]


def challenge_table(read: Sequence[Result], params: Params) -> pd.DataFrame:
    """Return one row per method and test set, the content of `results/challenge.csv`: published ones, then ours.

    Ours are means over the runs that trained of the variants whose objects were measured; the published are of a single
    network or ensemble, whose spread is not known.
    """
    rows: list[dict[str, object]] = []
    for task in dict.fromkeys(result.task for result in read):
        ours = [result for result in read if result.task is task and result.values(f"{task.test_sets[0]}_{OBJECTS[0]}")]
        others = {name: each for name, each in params.published.items() if each.task == task.name} if ours else {}
        for part in task.test_sets:
            for name, each in others.items():
                values = {measure: each.scores.get(f"{part}_{measure}") for measure in MEASURES}
                rows.append({"task": task.name, "method": name, "source": each.source, "part": part, **values})
            for result in ours:
                row = {
                    "task": task.name,
                    "method": result.name,
                    "source": "",
                    "part": part,
                    "runs": len(result.trained),
                }
                rows.append(row | _means(result, part))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _means(result: Result, part: str) -> dict[str, float | None]:
    columns: dict[str, float | None] = {}
    for measure in MEASURES:
        summary = result.summary(f"{part}_{measure}")
        columns |= {} if summary is None else {measure: summary.mean, f"{measure}_sd": summary.sd}
    return columns
