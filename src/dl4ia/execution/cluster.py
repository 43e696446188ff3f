"""Workers of a Dask cluster: jobs run on whichever machines have joined its scheduler.

Each worker runs one job at a time, in its own process, with one thread. All machines see the same working copy, as on a
file system that they share: settings, events and small results travel, while datasets, weights and checkpoints stay in
the folder. When a worker dies, Dask gives its job to another one, which resumes from the last checkpoint.
"""

import hashlib
import logging
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Self

from distributed import Client, Event, Queue, Reschedule, Status, get_worker
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

import dl4ia
from dl4ia.base.errors import RunError, StoppedError
from dl4ia.execution.executor import Context, Emit, Job, Result
from dl4ia.execution.signals import stopping_in_order
from dl4ia.execution.worker import picklable, set_up_torch

_PATIENCE = 10  # seconds to wait for a scheduler that does not answer
_PAUSE = 0.2  # seconds between two looks at what jobs have sent, and at whether a job should stop
_UNREACHABLE = (OSError, CommClosedError, CancelledError)  # a TimeoutError is an OSError
_ENDING = (Status.closing, Status.closed)  # of a worker, which then may get no answer any more
_GPU = "GPU"  # the resource that a worker with a GPU is started with, by convention of Dask's users


def _digest() -> str:
    code, package = hashlib.sha256(), Path(dl4ia.__file__).parent
    for path in sorted(package.rglob("*.py")):
        code.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return code.hexdigest()


_CODE = _digest()  # of this process: what is edited later is not loaded again


class _Kind(Enum):
    """What a worker sends: something that its job emitted, and how that ended."""

    EVENT = "event"
    DONE = "done"
    FAILED = "failed"
    NOT_STARTED = "not started"


class DaskCluster:
    """Executor that runs jobs on the workers of the Dask scheduler at `address`; see `Executor`.

    Raises RunError for a scheduler that does not answer or has no workers, and for workers that do not see this folder,
    have another Python, PyTorch or code than this process, or would run several jobs in one process.
    """

    def __init__(self, address: str) -> None:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong ends this command in a line
        self._address = address
        with self._errors():
            self._client = _connected(address)
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
            if not workers:
                raise RunError(f"no worker has joined the scheduler at {address}: `dask worker {address} --nthreads 1`")
            for name, worker in workers.items():
                _check_slots(name, worker)
            self._check_versions()
            with _noted_file() as seen:
                self._check_copies(seen)
        gpus = sum(_GPU in worker["resources"] for worker in workers.values())
        self._resources = {_GPU: 1} if gpus else {}
        self._workers = gpus or len(workers)

    @property
    def workers(self) -> int:
        """How many jobs can run at once: one on each worker, where some have a GPU on each of these."""
        return self._workers

    def run(self, work: Callable[[Job, Context], Result], jobs: Sequence[Job], on_event: Emit) -> list[Result]:
        """Call `work(job, context)` for each job on some worker; see `Executor.run`."""
        packed = [pickle.dumps((work, job)) for job in jobs]
        with self._errors():
            tasks = _Tasks[Result](self._client, packed, self._resources)
            with stopping_in_order(tasks.ask_to_stop) as interrupted:
                tasks.wait(on_event)
        if tasks.faults:
            raise tasks.faults[0]
        if interrupted:
            raise interrupted[0]
        return [tasks.results[number] for number in range(len(jobs))]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what is raised without a scheduler into a RunError of one line."""
        try:
            yield
        except _UNREACHABLE as error:
            raise RunError(
                f"the scheduler at {self._address} does not answer: see that it runs and that the address is right; "
                f"the same command resumes"
            ) from error

    def _check_versions(self) -> None:
        """Raise RunError if scheduler or workers have another Python or Dask than this command, or other PyTorch."""
        versions: Any = self._client.get_versions(packages=["torch"])
        ours = _versions(versions["client"])
        workers = {f"worker {worker}": _versions(reply) for worker, reply in versions["workers"].items()}
        for machine, theirs in ({"the scheduler": _versions(versions["scheduler"])} | workers).items():
            for name in ours if machine in workers else ("Python", "Dask"):
                if theirs[name] != ours[name]:
                    reason = f"it has {name} {theirs[name]}, and this command {ours[name]}"
                    raise RunError(f"{machine}: {reason}: use the same environment, and start it again")

    def _check_copies(self, seen: Path) -> None:
        """Raise RunError if a worker has other code, or does not see the file of this command."""
        ours = _Copy(sees_file=True, code=_CODE)
        for worker, theirs in self._client.run(_copy, seen, on_error="return").items():
            if theirs != ours:
                raise RunError(f"worker {worker}: {_difference(theirs)}, and start it again")


def _check_slots(name: str, worker: dict[str, Any]) -> None:
    """Raise RunError for a worker that would run two jobs at once: these would share PyTorch's random state."""
    for what, count in (("threads", worker["nthreads"]), ("GPUs", worker["resources"].get(_GPU, 1))):
        if count != 1:
            reason = f"it has {count:g} {what}, and each job needs a process of its own"
            raise RunError(f"worker {name}: {reason}: start one worker for each, with `--nthreads 1`")


@contextmanager
def _noted_file() -> Iterator[Path]:
    """Have a file in this working copy for a while; raises RunError where that cannot be."""
    path = Path("out") / f"cluster-{uuid.uuid4().hex}"
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except OSError as error:
        raise RunError(f"{path.parent}: cannot be written to ({error.strerror}): make it a folder of yours") from error
    try:
        yield path
    finally:
        path.unlink()


def _connected(address: str) -> Client:
    try:
        # Before there is a Client: one that fails for its address closes when it is freed, and may wait for itself.
        get_address_host_port(address)
    except ValueError as error:
        raise RunError(f"scheduler {address!r}: expected an address such as tcp://host:8786") from error
    return Client(address, timeout=_PATIENCE, set_as_default=False)


def _versions(process: dict[str, Any]) -> dict[str, str]:
    """Return the versions, by Dask, of what has to be the same in every process."""
    packages = process["packages"]
    return {
        "Python": ".".join(process["host"]["python"].split(".")[:3]),
        "Dask": packages["distributed"],
        "PyTorch": str(packages["torch"]).split("+")[0],  # as `cpu` and `cu130` of the same release
    }


@dataclass(frozen=True)
class _Copy:
    """The working copy that a worker has: whether it sees a file of this command, and a digest of its code."""

    sees_file: bool
    code: str


def _copy(seen: Path) -> _Copy:
    return _Copy(seen.exists(), _CODE)


def _difference(theirs: _Copy | Exception) -> str:
    if isinstance(theirs, Exception):
        reason = f"{type(theirs).__name__}: {' '.join(str(theirs).split())[:200]}"
        return f"it fails to import the project ({reason}): use the environment of this command"
    if not theirs.sees_file:
        return "it does not see this folder: change to the working copy, on a file system that all machines share"
    return "it has other code than this command: use the same working copy"


class _Tasks(Generic[Result]):
    """Jobs that were given to a cluster, seen from the process that did so."""

    def __init__(self, client: Client, packed: Sequence[bytes], resources: dict[str, int]) -> None:
        name = f"dl4ia-{uuid.uuid4().hex}"
        self._queue, self._stop = Queue(name, client=client), Event(name, client=client)
        self.results: dict[int, Result] = {}  # by the number of the job
        self.faults: list[BaseException] = []
        self._asked = self._stop_sent = self._unheard = False
        self._waiting = {
            number: client.submit(_perform, name, number, job, _CODE, key=f"{name}-{number}", resources=resources)
            for number, job in enumerate(packed)
        }

    def ask_to_stop(self) -> None:
        """Let the jobs end; called by a signal's handler, which must not talk to the scheduler itself."""
        self._asked = True

    def wait(self, on_event: Emit) -> None:
        """Wait until all jobs have ended; the first fault, of a job or of `on_event`, lets the others stop."""
        while self._waiting:
            if self._asked and not self._stop_sent:
                self._stop.set()
                self._stop_sent = True
            messages = self._queue.get(batch=True)  # what there is: a scheduler logs each time that it waits in vain
            for number, kind, content in messages:
                self._take(number, _Kind(kind), pickle.loads(content), on_event)  # noqa: S301 (our own)
            if not messages:
                self._look_for_lost_jobs()
                time.sleep(_PAUSE)

    def _take(self, number: int, kind: _Kind, value: Any, on_event: Emit) -> None:  # noqa: ANN401 (whatever a job is)
        """Take one message of a job."""
        if kind is _Kind.EVENT:
            self._pass_on(value, on_event)
            return
        self._waiting.pop(number, None)  # a job that was given to two workers may end twice
        if kind is _Kind.DONE:
            self.results[number] = value
        elif kind is _Kind.FAILED and not (self._asked and isinstance(value, StoppedError)):
            self._fail(value)

    def _pass_on(self, event: object, on_event: Emit) -> None:
        if self._unheard:
            return
        try:
            on_event(event)
        except Exception as error:  # noqa: BLE001 (raised once the jobs have stopped)
            self._unheard = True
            self._fail(error)

    def _fail(self, fault: BaseException) -> None:
        self.faults.append(fault)
        self._asked = True

    def _look_for_lost_jobs(self) -> None:
        """Note which jobs Dask has given up; what they sent before has been read."""
        for number, future in list(self._waiting.items()):
            if future.status == "error":
                del self._waiting[number]
                self._fail(_lost(future.exception()))
            elif future.status in ("cancelled", "lost"):
                raise CommClosedError(future.status)


def _lost(error: BaseException) -> RunError:
    if isinstance(error, KilledWorker):
        machine = error.last_worker.address
        reason = f"{error.allowed_failures + 1} workers died while they ran the same job, the last one {machine}"
        return RunError(f"{reason}: perhaps for lack of memory; see their messages, and run again")
    return RunError(f"a worker could not run its job ({type(error).__name__}: {error}): see its messages")


def _perform(name: str, number: int, packed: bytes, code: str) -> None:
    """Run a job on a worker; send each event it emits, and then how it ended: RunError if its code is not `code`."""
    queue, stop = Queue(name), _Stop(Event(name))

    def message(kind: _Kind, content: object = None) -> tuple[int, str, bytes]:
        return number, kind.value, pickle.dumps(content)

    with stop:
        if stop.by_command:
            queue.put(message(_Kind.NOT_STARTED))
            return
        if stop.asked():  # this worker ends: another one has to start it
            raise Reschedule
        set_up_torch(1)
        try:
            if code != _CODE:  # it joined after the command had looked at all workers
                reason = _difference(_Copy(sees_file=True, code=_CODE))
                raise RunError(f"worker {get_worker().address}: {reason}, and start it again")  # noqa: TRY301
            work, job = pickle.loads(packed)  # noqa: S301 (our own)
            context = Context(lambda value: queue.put(message(_Kind.EVENT, value)), stop.asked)
            ended = message(_Kind.DONE, work(job, context))
        except Exception as error:  # noqa: BLE001 (raised again by the process that started this one)
            ended = message(_Kind.FAILED, picklable(error))
        if stop.abandoned and not stop.by_command:  # which the job may have stopped for: another worker resumes it
            raise Reschedule
        queue.put(ended)


class _Stop:
    """Whether a job should stop: asked by the command that waits for it, or because nobody waits any more."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._worker = get_worker()
        self._key = self._worker.get_current_task()
        self.by_command: bool = event.is_set()
        self._abandoned = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def asked(self) -> bool:
        """Return what was known a moment ago: this is called at every step of a training.

        A worker that has lost its scheduler ends in half a minute, while asking that scheduler may take as long.
        """
        return self.by_command or self.abandoned

    @property
    def abandoned(self) -> bool:
        """Whether this worker ends, as by SIGTERM or at the end of its time, or no longer has this job."""
        return self._abandoned or self._worker.status in _ENDING

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not (self.by_command or self._abandoned) and not self._over.wait(_PAUSE):
            task = self._worker.state.tasks.get(self._key)
            self._abandoned = task is None or task.state == "cancelled"
            try:
                self.by_command = self._event.is_set()
            except _UNREACHABLE:
                self._abandoned = True
