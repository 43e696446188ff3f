"""What MLflow has of a run, compared with its record."""

from typing import TYPE_CHECKING

from dl4ia.tracking.records import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

Histories = dict[str, dict[int, float]]  # of curves: value by step, by name


def histories_of(client: "MlflowClient", run: "Run", record: Record) -> Histories:
    """Return what MLflow has of the curves of a record."""
    return {
        name: {metric.step: metric.value for metric in client.get_metric_history(run.info.run_id, name)}
        for name in _curves(record)
    }


def contradicts(run: "Run", histories: Histories, record: Record, content: str | None) -> bool:
    """Return whether a run has anything that cannot be changed and that the record has otherwise.

    `content` is the digest of what the training resulted in, if that was noted with the run.
    """
    if record.content is not None and content not in (None, record.content):
        return True
    expected = {**record.params, **record.metrics}
    existing = {**run.data.params, **run.data.metrics}
    if any(existing.get(name, value) != value for name, value in expected.items()):
        return True
    return any(_differs(history, _points(record, name), record) for name, history in histories.items())


def _differs(history: dict[int, float], points: dict[int, float], record: Record) -> bool:
    """Return whether points differ; a training that runs may yet come to those that it had before it was resumed."""
    last = max(points, default=0)
    return any(
        points.get(step) != value for step, value in history.items() if record.state != "running" or step <= last
    )


def missing_points(histories: Histories, record: Record) -> "list[Metric]":
    """Return the points of a record that MLflow does not have."""
    from mlflow.entities import Metric  # noqa: PLC0415 (seconds to import)

    times = dict(zip(record.points["step"], record.points["time"], strict=True))
    return [
        Metric(name, value, int(1000 * times[step]), step)
        for name in _curves(record)
        for step, value in _points(record, name).items()
        if step not in histories.get(name, {})
    ]


def _curves(record: Record) -> list[str]:
    return [str(name) for name in record.points.columns.drop(["step", "time"])]


def _points(record: Record, name: str) -> dict[int, float]:
    table = record.points.dropna(subset=[name])
    return {int(step): float(value) for step, value in zip(table["step"], table[name], strict=True)}
