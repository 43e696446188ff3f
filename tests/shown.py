"""All that MLflow shows, to be compared."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Run

from dl4ia import files
from dl4ia.tracking.client import PROCESS

_OF_ITS_OWN = {PROCESS, "mlflow.parentRunId"}  # tags that no two copies agree in


def shown(address: str) -> Counter[tuple[str, ...]]:
    """Return how often each parameter, point, tag, file, ... of each run is there; times and numbers of runs differ."""
    client = MlflowClient(address)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [client.get_run(run.info.run_id) for run in client.search_runs(ids)]
    return Counter((str(run.info.run_name), *map(str, told)) for run in runs for told in _of(run, client))


def _of(run: Run, client: MlflowClient) -> Iterator[tuple[object, ...]]:
    number = run.info.run_id
    yield "state", run.info.status
    yield from (("parameter", *pair) for pair in run.data.params.items())
    yield from (("tag", *pair) for pair in run.data.tags.items() if pair[0] not in _OF_ITS_OWN)
    for name in run.data.metrics:
        yield from (("point", name, metric.step, metric.value) for metric in client.get_metric_history(number, name))
    datasets = run.inputs.dataset_inputs if run.inputs else []
    yield from (("dataset", found.dataset.name, found.dataset.digest) for found in datasets)
    with TemporaryDirectory() as folder:
        for top in client.list_artifacts(number):
            client.download_artifacts(number, top.path, folder)
        found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        yield from (("file", path.relative_to(folder), files.digest(path)) for path in found)
    outputs = [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{number}'"):
        parts = sorted(part.path for part in client.list_logged_model_artifacts(model.model_id))
        yield "model", model.name, model.status, outputs.count(model.model_id), parts
    yield "models", len(outputs)
