"""MLflow fails in every way while runs are trained: they must not notice, and `make publish` must complete the rest."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient

from dl4ia import config
from dl4ia.config import flat
from dl4ia.experiment import experiments
from tests.copies import Copy, wait_until
from tests.faults.scenes import VARIANT, a_training
from tests.faults.servers import Server, free_port, refusing, slow
from tests.faults.table import Fault

TRAIN = ("python", "-m", "pipeline.train", VARIANT)
PUBLISH = ("python", "-m", "pipeline.publish")
_SECONDS_A_CALL = 2
_ROOM = 64 << 10  # bytes that a full disk has left


@contextmanager
def down_at_the_start(_server: Server) -> Iterator[str]:
    """Nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def dying_in_the_middle(server: Server) -> Iterator[str]:
    """It is killed as soon as it knows of a run (see `_train`)."""
    server.start()
    yield server.address


@contextmanager
def slow_to_answer(server: Server) -> Iterator[str]:
    """Each call takes seconds."""
    server.start()
    with slow(server, _SECONDS_A_CALL) as address:
        yield address


@contextmanager
def refusing_all(_server: Server) -> Iterator[str]:
    """Each call is answered by 500."""
    with refusing() as address:
        yield address


@contextmanager
def full(server: Server) -> Iterator[str]:
    """Its disk is nearly full."""
    server.start()
    server.kill()
    server.start(server.size + _ROOM)
    yield server.address


OUTAGES = (down_at_the_start, dying_in_the_middle, slow_to_answer, refusing_all, full)


def inflict(folder: Path, base: Path, iterations: int, outages: tuple = OUTAGES) -> Fault:
    """Train through each outage, publish to the restored server, and compare what it has with what is on disk."""
    scene = a_training(base, iterations)
    calm = scene.make(folder / "calm")
    server = Server(folder / "server-calm")
    server.start()
    calm.run(*TRAIN, MLFLOW_TRACKING_URI=server.address)
    server.kill()
    survived, lost = 0, 0
    for outage in outages:
        copy, server = scene.make(folder / outage.__name__), Server(folder / f"server-{outage.__name__}")
        with outage(server) as address:
            _train(copy, address, server if outage is dying_in_the_middle else None)
        server.kill()
        server.start()
        missing = int(copy.results() != calm.results())
        copy.run(*PUBLISH, MLFLOW_TRACKING_URI=server.address)
        copy.run(*PUBLISH, MLFLOW_TRACKING_URI=server.address)
        missing += _differences(copy, MlflowClient(server.address))
        server.kill()
        survived, lost = survived + (missing == 0), lost + missing
    note = ", ".join(outage.__name__.replace("_", " ") for outage in outages)
    return Fault("tracking outage", len(outages), survived, lost, note)


def _train(copy: Copy, address: str, dies: Server | None) -> None:
    process = copy.start(*TRAIN, MLFLOW_TRACKING_URI=address)
    if dies is not None:
        client = MlflowClient(address)
        assert wait_until(lambda: bool(_runs(client)) or process.poll() is not None)
        dies.kill()
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said


def _runs(client: MlflowClient) -> list:
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(ids)


def _differences(copy: Copy, client: MlflowClient) -> int:
    """Return how many runs, parameters, points and models are missing from MLflow, there twice, or not as on disk."""
    params = config.load(copy.root / "params.yaml", copy.root)
    todo = experiments(VARIANT, params.variant(VARIANT), copy.layout)
    shown = {run.info.run_name: run for run in _runs(client)}
    found = abs(len(_runs(client)) - len(todo))
    for item in todo:
        run = shown.get(f"{item.name}/seed-{item.seed}")
        if run is None:
            found += 1
            continue
        found += run.info.status != "FINISHED"
        expected = {name: str(value) for name, value in flat(item.run.config["settings"]).items()}
        found += sum(run.data.params.get(name) != value for name, value in expected.items())
        history = item.run.history.set_index("step").drop(columns="seconds")
        for name in history:
            points = Counter((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name))
            found += len((points - Counter(history[name].items())) + (Counter(history[name].items()) - points))
        models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
        found += len(models) != 1 or len(run.outputs.model_outputs) != 1
        found += "model" not in {path.path.split("/")[0] for path in client.list_artifacts(run.info.run_id)} and not (
            client.list_logged_model_artifacts(models[0].model_id)
        )
    return found
