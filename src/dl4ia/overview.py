"""What is in params.yaml, how far each is here, and its result: `dl4ia list`."""

from collections.abc import Hashable, Mapping
from statistics import mean, stdev
from typing import Any

import pandas as pd

from dl4ia.config import Params, Study
from dl4ia.outcomes import test_scores
from dl4ia.report import formats, names
from dl4ia.runs.layout import Layout
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.study_directory import StudyDirectory
from dl4ia.tasks import task_of

_COLUMNS = ["kind", "name", "done_here", "metric", "mean", "sd", "runs", "of_runs", "about"]
Row = dict[str, object]


def overview(params: Params, layout: Layout) -> pd.DataFrame:
    """Return a row for each variant, ensemble and study of params.yaml.

    `metric` is the score on the first test set of what is in `results/`, of a study the best validation score, with
    `mean` and `sd` over the `runs` that trained, of `of_runs`; `done_here` says how far it is in this working copy.
    """
    rows = [*_variants(params, layout), *_ensembles(params, layout), *_studies(params, layout)]
    return pd.DataFrame(rows, columns=_COLUMNS).astype(
        {"mean": float, "sd": float, "runs": "Int64", "of_runs": "Int64"}
    )


def _variants(params: Params, layout: Layout) -> list[Row]:
    rows = []
    for name, variant in params.variants.items():
        seeds = variant.settings.seeds
        finished = sum(_state(layout.run(name, seed)) == "finished" for seed in seeds)
        row = {"kind": "variant", "name": name, "done_here": f"{finished} of {len(seeds)} runs", "about": variant.about}
        rows.append(row | _tested(name, layout))
    for name, best in params.searched.items():
        if name not in params.variants:
            rows.append({"kind": "variant", "name": name, "done_here": "not started", "about": f"waits for {best}"})
    return rows


def _ensembles(params: Params, layout: Layout) -> list[Row]:
    return [
        {"kind": "ensemble", "name": name, "done_here": f"of {', '.join(row.members)}", "about": row.about}
        | _tested(name, layout)
        for name, row in params.ensembles.items()
    ]


def _studies(params: Params, layout: Layout) -> list[Row]:
    rows = []
    for name, study in params.studies.items():
        directory = layout.study(name)
        row = {"kind": "study", "name": name, "done_here": _state(directory), "about": study.about}
        rows.append(row | _best(study, directory))
    return rows


def _tested(name: str, layout: Layout) -> Row:
    result = layout.result(name)
    if not (result.path / "runs.json").exists():  # DVC leaves the folder while it evaluates again
        return {}
    metric, values = next(iter(test_scores(result).items()))
    of_runs = {"mean": mean(values), "sd": stdev(values) if len(values) > 1 else None} if values else {}
    return {"metric": metric, "runs": len(values), "of_runs": len(result.record().runs), **of_runs}


def _best(study: Study, directory: StudyDirectory) -> Row:
    values = directory.table("trials")["value"].dropna() if directory.best.exists() else []
    metric = f"validation {names.score(task_of(study.task).metric)}"
    return {"metric": metric, "mean": max(values)} if len(values) else {}


def _state(directory: RunDirectory | StudyDirectory) -> str:
    return directory.status().state if (directory.path / "status.json").exists() else "not started"


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `overview` as people read them."""
    titles = {"kind": "", "done_here": "on this machine"}
    results = [_result(row) for row in table.to_dict("records")]
    return table.assign(result=results)[["kind", "name", "done_here", "result", "about"]].rename(columns=titles)


def _result(row: Mapping[Hashable, Any]) -> str:
    if not isinstance(row["metric"], str):
        return "" if row["kind"] == "study" else "not evaluated"
    score = f"{row['metric']} {formats.mean_sd(row['mean'], row['sd'])}"
    return f"{score} ({row['runs']} of {row['of_runs']} trained)" if row["kind"] == "variant" else score
