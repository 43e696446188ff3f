"""A study on two processes, as a command of its own that can be killed: `python -m tests.search.command ROOT [URL]`."""

import sys
from pathlib import Path

import torch

from dl4ia import config
from dl4ia.execution.local import LocalProcesses
from dl4ia.execution.signals import raise_on_signals
from dl4ia.runs.layout import Layout
from tests.conftest import ROOT
from tests.search.conftest import run, small

if __name__ == "__main__":
    raise_on_signals()
    torch.set_num_threads(1)
    params, (root, *url) = config.load(ROOT / "params.yaml", ROOT / "tests"), sys.argv[1:]
    executor = LocalProcesses(2, one_thread_each=True)
    study = small(params.study("lambda"), iterations=20, evaluate_every=10)
    run(study, Layout(Path(root)), "study", *url, executor=executor)
