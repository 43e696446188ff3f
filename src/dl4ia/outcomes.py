"""What a training, an evaluation or a study has resulted in, as a line for the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dl4ia.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

    from dl4ia.config import Params, Study
    from dl4ia.runs.layout import Layout
    from dl4ia.runs.results import ResultDirectory
    from dl4ia.runs.run_directory import RunDirectory
    from dl4ia.runs.study_directory import StudyDirectory
    from dl4ia.runs.train import Experiment


def trained_line(name: str, experiments: "Sequence[Experiment]") -> str:
    """Return the last validation score of the runs that left chance level; of training where nothing was held out."""
    from dl4ia.runs.results import left_chance_level  # noqa: PLC0415 (`--help` does not need it)

    finished = [each for each in experiments if each.run.status().state == "finished"]
    task = task_of(experiments[0].variant.task)
    last = [each.run.history().iloc[-1] for each in finished]
    trained = [
        row
        for row in last
        if left_chance_level({("train", key): row[f"train/{key}"] for key in ("loss", task.metric)}, task)
    ]
    part = next((part for part in ("validation", "train") if trained and f"{part}/{task.metric}" in trained[0]), "")
    score = f"{part} {task.metric} {_mean([row[f'{part}/{task.metric}'] for row in trained])} " if trained else ""
    stuck = f", {len(last) - len(trained)} at chance level" if len(last) > len(trained) else ""
    return f"{name}: {score}({len(finished)} of {len(experiments)} runs finished{stuck})"


def evaluated_line(name: str, result: "ResultDirectory") -> str:
    """Return the test scores of the runs that trained."""
    runs = result.record().runs
    trained, scores = sum(run.trained for run in runs), _test_scores(result)
    return f"{name}: {', '.join(scores) + ' ' if trained else ''}({trained} of {len(runs)} runs trained)"


def searched_line(name: str, study: "Study", directory: "StudyDirectory") -> str:
    """Return the best point of a study, and what it is worth."""
    trials = directory.table("trials")
    complete = trials[trials["state"] == "complete"]
    best = complete.loc[complete["value"].idxmax()]
    point = ", ".join(f"{key}={dimension.value_of(best[key])}" for key, dimension in study.space.items())
    metric = f"validation {task_of(study.task).metric}"
    return f"{name}: best {metric} {best['value']:.3f} of {len(complete)} complete trials: {point} ({directory.best})"


def overview(params: "Params", layout: "Layout") -> str:
    """Return a table of what is in params.yaml: how far each is in this working copy, and the committed result."""
    lines = [("", "name", "done here", "result", "about")]
    for name, variant in params.variants.items():
        seeds = variant.settings.seeds
        finished = sum(_state(layout.run(name, seed)) == "finished" for seed in seeds)
        lines.append(("variant", name, f"{finished} of {len(seeds)} runs", _tested(name, layout), variant.about))
    for name, best in params.searched.items():
        if name not in params.variants:
            lines.append(("variant", name, "not started", "", f"waits for {best}"))
    for name, row in params.ensembles.items():
        lines.append(("ensemble", name, f"of {', '.join(row.members)}", _tested(name, layout), row.about))
    for name, study in params.studies.items():
        lines.append(("study", name, _state(layout.study(name)), _best(study, layout.study(name)), study.about))
    *widths, _ = (max(map(len, column)) for column in zip(*lines, strict=True))
    padded = ([cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _tested(name: str, layout: "Layout") -> str:
    """Return the score of a variant or ensemble on the first test set, if it has been evaluated."""
    result = layout.result(name)
    return _test_scores(result)[0] if result.path.exists() else "not evaluated"


def _test_scores(result: "ResultDirectory") -> list[str]:
    """Return the mean score of the runs that trained on each test set."""
    record, table = result.record(), result.table("metrics")
    trained, task = [run.seed for run in record.runs if run.trained], task_of(record.task)
    return [f"{_spelled(part)} {task.metric} {_score(table, part, task.metric, trained)}" for part in task.test_sets]


def _best(study: "Study", directory: "StudyDirectory") -> str:
    """Return the best value of a study, if it has any."""
    values = directory.table("trials")["value"].dropna() if directory.best.exists() else []
    return f"validation {task_of(study.task).metric} {max(values):.3f}" if len(values) else ""


def _state(directory: "RunDirectory | StudyDirectory") -> str:
    return directory.status().state if (directory.path / "status.json").exists() else "not started"


def _spelled(part: str) -> str:
    """Return `test_a` as `test A`."""
    name, *letters = part.split("_")
    return " ".join([name, *map(str.upper, letters)])


def _score(table: "pd.DataFrame", part: str, metric: str, seeds: Sequence[int]) -> str:
    chosen = (table["part"] == part) & (table["metric"] == metric) & table["seed"].isin(seeds)
    return _mean(table.loc[chosen, "value"].tolist())


def _mean(values: Sequence[float]) -> str:
    """Return the mean, with the standard deviation if there are several values."""
    import pandas as pd  # noqa: PLC0415 (the line is printed last, and `--help` does not need it)

    if not values:
        return "–"
    series = pd.Series(values)
    return f"{series.mean():.3f}" + (f" ± {series.std():.3f}" if len(series) > 1 else "")
