"""Where work runs, as a protocol: processes of this machine, or a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Emit = Callable[[Any], None]


@dataclass(frozen=True)
class Context:
    """What a job gets from its executor.

    `emit` hands an event to the process that started the work, `stopping` says whether the job is asked to stop.
    """

    emit: Emit
    stopping: Callable[[], bool]


class Executor(Protocol):
    """Runs jobs, no two at once in one process; no event is lost, and results keep the order of the jobs."""

    @property
    def workers(self) -> int:
        """How many jobs can run at once."""

    def run(self, work: Callable[[Job, Context], Result], jobs: Sequence[Job], on_event: Emit) -> list[Result]:
        """Call `work(job, context)` for each job; `on_event` is called in this process with each emitted event.

        Raises the first exception of a job, or of `on_event`, after all workers have been asked to stop; RunError if a
        job was lost with its process; Interrupted after the workers have saved their state. A job that raises
        StoppedError after it was asked to stop has not failed.
        """
