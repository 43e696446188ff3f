"""What surrounds the steps of a training: whole commands, their start, DVC, and the parts of a training."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.comparison.commands import Ran, run
from benchmarks.comparison.contenders import CONTENDERS, OURS
from benchmarks.comparison.problems import Problem
from benchmarks.comparison.rows import Row
from benchmarks.copies import temporary_copy

ROUNDS = 5
_STARTS = {
    "Python": (sys.executable, "-c", "pass"),
    "import torch": (sys.executable, "-c", "import torch"),
    "import dl4ia.runs.train": (sys.executable, "-c", "import dl4ia.runs.train"),
    "dl4ia --help": ("dl4ia", "--help"),
}


def command(problem: Problem, trained: Sequence[Row]) -> Iterator[Row]:
    """Yield what a whole `dl4ia train` of one seed takes, with tracking and checkpoints.

    The ratio is to as many iterations of this project in `trained`, the rows of the same problem.
    """
    ran = [_train(problem) for _ in range(ROUNDS)]
    ours = [row.median_seconds for row in trained if row.contender == CONTENDERS[OURS].title and row.median_seconds]
    beside = [seconds / problem.iterations * problem.command for seconds in ours] * len(ran)
    seconds, memory = [each.seconds for each in ran], max(each.memory for each in ran)
    what = f"command, {problem.command} iterations"
    yield Row.of(problem.name, what, "dl4ia train", seconds, ours=beside or None, memory=memory)


def _train(problem: Problem) -> Ran:
    with temporary_copy() as layout:
        write_params(layout.root, problem)
        return run(("dl4ia", "train", problem.name), layout.root)


def write_params(root: Path, problem: Problem) -> None:
    """Write params.yaml with one seed and few iterations of the variant, and what its settings come from."""
    yaml = YAML()
    params = yaml.load(Path("params.yaml"))
    rows = params["variants"] if problem.name in params["variants"] else params["searched"]
    rows[problem.name]["settings"] |= {"seeds": [0], "iterations": problem.command}
    yaml.dump(params, root / "params.yaml")
    shutil.copytree("results/search", root / "results/search", ignore=shutil.ignore_patterns("*.csv"))


def parts(problem: Problem) -> Iterator[Row]:
    """Yield what the parts of a training take beside its steps; see `benchmarks/comparison/parts.py`.

    The ratio is their share of the training.
    """
    words = [sys.executable, "-m", "benchmarks.comparison.parts", problem.name]
    printed = [subprocess.check_output(words, stderr=subprocess.DEVNULL, text=True) for _ in range(ROUNDS)]  # noqa: S603
    measured = [json.loads(each) for each in printed]
    what = f"part of a training, {problem.command} iterations on one thread"
    trainings = [each.pop("training") for each in measured]
    for name in measured[0]:
        yield Row.of(problem.name, what, name, [each[name] for each in measured], ours=trainings)


def around() -> Iterator[Row]:
    """Yield what starting takes, and DVC with nothing to do."""
    for name, words in _STARTS.items():
        yield _row("start", name, words)
    yield _row("dvc", "dvc repro of all stages, dry", ("dvc", "repro", "--dry", "--allow-missing"))
    yield _row("dvc", "dvc stage list", ("dvc", "stage", "list"))


def _row(what: str, name: str, words: tuple[str, ...]) -> Row:
    ran = [run(words) for _ in range(ROUNDS)]
    return Row.of("all", what, name, [each.seconds for each in ran], memory=max(each.memory for each in ran))
