"""MLflow fails in every way while runs are trained and evaluated: `make publish` must complete what it then lacks."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from dl4ia import config
from dl4ia.stages import Pipeline
from tests.faults import scenarios
from tests.faults.servers import Server, free_port, refusing, relay
from tests.faults.table import Fault
from tests.tracking.contents import contents_of
from tests.workspaces import Workspace, differing

_SECONDS_A_CALL = 2
_LIFE = 20  # calls that a dying server takes: of its last one nobody learns that it took it
_ROOM = 64 << 10  # bytes that a full disk has left


@contextmanager
def down_at_the_start(_server: Server) -> Iterator[str]:
    """Nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def dying_in_the_middle(server: Server) -> Iterator[str]:
    """It is killed while it receives a training."""
    server.start()
    calls = count(1)

    def die() -> None:
        if next(calls) == _LIFE:
            server.kill()

    with relay(server, die) as address:
        yield address
    assert next(calls) > _LIFE, "the server has outlived the training"


@contextmanager
def slow_to_answer(server: Server) -> Iterator[str]:
    """Each call takes seconds."""
    server.start()
    with relay(server, partial(time.sleep, _SECONDS_A_CALL)) as address:
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
    server.limit(server.size + _ROOM)
    yield server.address
    server.limit(resource.RLIM_INFINITY)


def as_commands(workspace: Workspace, stage: str, *names: str, **variables: str) -> None:
    """Run a stage as its users do."""
    workspace.run("python", "-m", f"pipeline.{stage}", *names, check=True, **variables)


def in_this_process(workspace: Workspace, stage: str, *names: str, **variables: str) -> None:
    """Run a stage here, where PyTorch and MLflow are loaded already: a third of the time."""
    before = dict(os.environ)
    os.environ |= variables
    try:
        params = config.load(workspace.root / "params.yaml", workspace.root)
        getattr(Pipeline(params, workspace.layout), stage)(*([names] if names else []))
    finally:
        os.environ.clear()
        os.environ |= before


Run = Callable[..., None]
Outage = Callable[[Server], AbstractContextManager[str]]
OUTAGES: tuple[Outage, ...] = (down_at_the_start, dying_in_the_middle, slow_to_answer, refusing_all, full)


def inflict(
    folder: Path,
    base: Path,
    iterations: int,
    outages: tuple[Outage, ...] = OUTAGES,
    run: Run = as_commands,
) -> Fault:
    """Train and evaluate through each outage, then publish: the restored server must have what one without has."""
    scenario = scenarios.training(base, iterations)
    stages = ("train", "evaluate")
    undisturbed = scenario.make(folder / "undisturbed")
    for stage in stages:
        run(undisturbed, stage, scenarios.VARIANT)
    run(undisturbed, "publish")  # which completes what a busy machine had no time for
    expected = contents_of(f"sqlite:///{undisturbed.root}/mlflow.db")
    survived, lost = 0, 0
    for outage in outages:
        workspace = scenario.make(folder / outage.__name__)
        with Server(folder / f"server-{outage.__name__}") as server:
            with outage(server) as address:
                for stage in stages:
                    run(workspace, stage, scenarios.VARIANT, MLFLOW_TRACKING_URI=address)
            server.start()
            assert contents_of(server.address) != expected, f"{outage.__name__} kept nothing from MLflow"
            run(workspace, "publish", MLFLOW_TRACKING_URI=server.address)
            contents = contents_of(server.address)
        missing = differing(workspace.results(), undisturbed.results())
        missing += ((contents - expected) + (expected - contents)).total()
        survived, lost = survived + (missing == 0), lost + missing
    note = ", ".join(outage.__name__.replace("_", " ") for outage in outages)
    return Fault("tracking outage", len(outages), survived, lost, note)
