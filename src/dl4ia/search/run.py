"""A study from its definition to what was found: workers side by side, and files that anyone can read."""

import math
import shutil
import time
from collections.abc import Callable
from typing import Any

from dl4ia.config import Study
from dl4ia.experiment import device_for
from dl4ia.parallel import run_side_by_side
from dl4ia.progress import SearchProgress
from dl4ia.provenance import provenance
from dl4ia.report.studies import draw_study
from dl4ia.runs import Layout
from dl4ia.search.findings import best_of, write_best, write_importances, write_tables
from dl4ia.search.queue import enqueue, finished
from dl4ia.search.storage import open_study, said_in_one_line
from dl4ia.search.worker import Work, work

_HOUR = 3600  # seconds


def run_study(  # noqa: PLR0913
    name: str, study: Study, layout: Layout, url: str, workers: int, observe: Callable[[SearchProgress], None]
) -> None:
    """Bring a study to its number of trials, or as far as its time allows, and write what was found.

    The tables are written anew after each trial. Whoever runs it again goes on from there; a study that is complete is
    only written. Raises RunError for a database that cannot be had or holds another space, or if no trial ended well.
    """
    with said_in_one_line(url):
        found = open_study(name, study, layout, url)
        enqueue(study, found, layout, study.trials)
        directory, started = layout.study(name), time.time()
        status = provenance(device_for(str(study.base["device"]))) | {
            "threads": 1,
            "workers": workers,
            "started": started,
        }
        status |= {"key": found.user_attrs["key"]}  # the same for whoever works on this study

        def write(_: Any = None) -> None:  # noqa: ANN401 (whatever a worker emits)
            write_tables(found, study, directory)
            best = best_of(found)
            value = math.nan if best is None or best.value is None else best.value
            observe(SearchProgress(finished(found), study.trials, value))

        directory.write_status(status | {"state": "running"})
        write()
        if finished(found) < study.trials:
            jobs = [Work(name, study, layout, url, started + study.hours * _HOUR)] * workers
            try:
                run_side_by_side(work, jobs, write, one_thread_each=True)
            except BaseException:
                directory.write_status(status | {"state": "stopped"})
                raise
            finally:
                write()
        write_best(found, name, study, directory)
        write_importances(found, directory)
        draw_study(study, directory)
        state = "finished" if finished(found) >= study.trials else "stopped"
        if state == "finished":
            shutil.rmtree(layout.checkpoints(found.user_attrs["key"]), ignore_errors=True)
        directory.write_status(status | {"state": state})
        write()
