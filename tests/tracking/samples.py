"""Records to send to trackers."""

import platform
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from dl4ia.execution.processes import this_process
from dl4ia.runs.saved_model import champion_folder
from dl4ia.tracking.records import Dataset, Group, Model, Record
from tests.conftest import ROOT

GONE = f"{platform.node()}/999999999/0.00"  # a process that has ended
GROUP = Group("digits", "all of them", ("final/test_accuracy",), "variant")


def points(*values, first=1) -> pd.DataFrame:
    steps = np.arange(first, first + len(values))
    return pd.DataFrame({"step": steps, "time": 1000.0 + steps, "curve/train_loss": values})


def running(*values, **changes) -> Record:
    record = Record(
        key="the same everywhere",
        group=GROUP,
        name="fc/seed-0",
        about="fully connected",
        state="running",
        started=1000.0,
        tags={"variant": "fc"},
        params={"optimizer.kind": "adam"},
        process=this_process(),
        dataset=Dataset("MNIST", "0123456789ab", "stand-in"),
        points=points(*values),
    )
    return replace(record, **changes)


def finished(*values, content="weights", accuracy=0.5, **changes) -> Record:
    ended = {"state": "finished", "ended": 1010.0, "content": content, "metrics": {"final/test_accuracy": accuracy}}
    return running(*values, **(ended | changes))


def model(task="mnist") -> Model:
    """Return the champion of a task."""
    return Model("fc-seed-0", "takes images", task, partial(shutil.copytree, champion_folder(task, ROOT)))
