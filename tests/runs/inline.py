"""An executor without processes: jobs one after another, here."""

from dataclasses import dataclass, field

from dl4ia.execution.executor import Context


@dataclass
class Inline:
    """Runs jobs in this process with one thread; `stopping` may be asked to stop them."""

    stopping: object = field(default=lambda: False)
    workers: int = 1

    def run(self, work, jobs, on_event):
        return [work(job, Context(on_event, self.stopping)) for job in jobs]
