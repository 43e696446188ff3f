"""All that MLflow has, as values that can be compared."""

from collections import Counter
from collections.abc import Iterator

from mlflow import MlflowClient
from mlflow.entities import Run

_OWN = {
    "dl4ia.process",
    "dl4ia.content",
    "dl4ia.sent",
    "dl4ia.place",
    "mlflow.parentRunId",
}  # tags in which no two copies agree
_MEASURED = {"train_seconds"}  # metrics of the machine


def contents_of(address: str, experiment: str | None = None) -> Counter[tuple[str, ...]]:
    """Return how often each parameter, point, tag, file, ... of each run is there, in one experiment or in all.

    Left out is what differs each time: identifiers, times, and what depends on them.
    """
    client = MlflowClient(address)
    ids = [entry.experiment_id for entry in client.search_experiments() if experiment in (None, entry.name)]
    runs = [client.get_run(run.info.run_id) for run in client.search_runs(ids)]
    return Counter((str(run.info.run_name), *map(str, entry)) for run in runs for entry in _entries(run, client))


def _entries(run: Run, client: MlflowClient) -> Iterator[tuple[object, ...]]:
    number = run.info.run_id
    yield "status", run.info.status
    yield from (("parameter", *pair) for pair in run.data.params.items())
    yield from (("tag", *pair) for pair in run.data.tags.items() if pair[0] not in _OWN)
    for name in run.data.metrics:
        for metric in client.get_metric_history(number, name):
            yield "point", name, metric.step, None if name in _MEASURED else metric.value
    datasets = run.inputs.dataset_inputs if run.inputs else []
    yield from (("dataset", entry.dataset.name, entry.dataset.digest) for entry in datasets)
    yield from _files(client, number, "")
    outputs = [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{number}'"):
        parts = sorted(part.path for part in client.list_logged_model_artifacts(model.model_id))
        yield "model", model.name, model.status, outputs.count(model.model_id), parts
    yield "models", len(outputs)


def _files(client: MlflowClient, run: str, folder: str) -> Iterator[tuple[object, ...]]:
    for entry in client.list_artifacts(run, folder or None):
        if entry.is_dir:
            yield from _files(client, run, entry.path)
        else:
            yield "file", entry.path, entry.file_size
