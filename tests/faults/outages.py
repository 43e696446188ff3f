"""MLflow fails in every way while runs are trained and evaluated: `make publish` must complete what it then lacks."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from tests.copies import differing
from tests.faults.scenes import VARIANT, a_training
from tests.faults.servers import Server, free_port, refusing, relay
from tests.faults.table import Fault
from tests.shown import shown

TRAIN = ("python", "-m", "pipeline.train", VARIANT)
EVALUATE = ("python", "-m", "pipeline.evaluate", VARIANT)
PUBLISH = ("python", "-m", "pipeline.publish")
_SECONDS_A_CALL = 2
_LIFE = 20  # calls that a dying server takes: of its last one nobody learns that it took it
_ROOM = 64 << 10  # bytes that a full disk has left


@contextmanager
def down_at_the_start(_server: Server) -> Iterator[str]:
    """Nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def dying_in_the_middle(server: Server) -> Iterator[str]:
    """It is killed while it is told of a training."""
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


Outage = Callable[[Server], AbstractContextManager[str]]
OUTAGES: tuple[Outage, ...] = (down_at_the_start, dying_in_the_middle, slow_to_answer, refusing_all, full)


def inflict(folder: Path, base: Path, iterations: int, outages: tuple[Outage, ...] = OUTAGES) -> Fault:
    """Train and evaluate through each outage, then publish: the restored server must have what one without has."""
    scene = a_training(base, iterations)
    calm = scene.make(folder / "calm")
    for stage in (TRAIN, EVALUATE):
        calm.run(*stage)
    expected = shown(f"sqlite:///{calm.root}/mlflow.db")
    survived, lost = 0, 0
    for outage in outages:
        copy = scene.make(folder / outage.__name__)
        with Server(folder / f"server-{outage.__name__}") as server:
            with outage(server) as address:
                for stage in (TRAIN, EVALUATE):
                    copy.run(*stage, MLFLOW_TRACKING_URI=address)
            server.start()
            assert shown(server.address) != expected, f"{outage.__name__} kept nothing from MLflow"
            copy.run(*PUBLISH, MLFLOW_TRACKING_URI=server.address)
            there = shown(server.address)
        missing = differing(copy.results(), calm.results()) + ((there - expected) + (expected - there)).total()
        survived, lost = survived + (missing == 0), lost + missing
    note = ", ".join(outage.__name__.replace("_", " ") for outage in outages)
    return Fault("tracking outage", len(outages), survived, lost, note)
