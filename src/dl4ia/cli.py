"""The command line: `dl4ia COMMAND`, and how every command of the project ends."""

import argparse
import io
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dl4ia.base.errors import UserError
from dl4ia.execution.signals import Interrupted, raise_on_signals

if TYPE_CHECKING:
    from dl4ia.stages import Pipeline

_EXAMPLES = """\
examples:
  dl4ia list                        variants and studies of params.yaml, with their results
  dl4ia train mnist-cnn             all its seeds, side by side; the same command resumes
  dl4ia evaluate mnist-cnn          on the test set
  dl4ia search joint --workers 2    a study; several such processes share the trials
  dl4ia predict slide.png           the glands in pictures of one's own, by the best network
  dl4ia report                      results/*.csv and report/

`dvc repro` runs all that is out of date, in order; see README.md.
"""

# Commands that run a stage: what they do, and the names that they take (none, some of all, or at least one).
_STAGES = {
    "code": ("write which version of the code each stage depends on: results/code.json", None),
    "download": ("bring published files, or the stand-in, into arrays", ("TASK", "*")),
    "split": ("choose the training images that validate", ("TASK", "*")),
    "train": ("train all seeds of variants, or resume them", ("VARIANT", "+")),
    "evaluate": ("measure trained variants and ensembles on the test sets", ("NAME", "+")),
    "champion": ("write the network of each task to use first to models/", ("TASK", "*")),
    "report": ("write the tables in results/, and the report", None),
    "publish": ("show all runs and studies on disk in MLflow", None),
    "list": ("list variants and studies with their results", None),
}


# The modules of the work for which commands start processes.
_WORK = {"train": "dl4ia.runs.train", "evaluate": "dl4ia.runs.evaluate", "search": "dl4ia.search.worker"}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


def main(*words: str) -> None:
    """Run a command (default: that of the command line) as the program of this process."""
    try:
        run(words or sys.argv[1:])
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        _end_process(1 if isinstance(end.code, str) else int(end.code or 0))
    _end_process(0)


def _end_process(code: int) -> NoReturn:
    """End this process; at once if a thread still runs: a tracker that is slow, in C++, would make Python abort."""
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)


def run(words: Sequence[str]) -> None:
    """Run the command that `words` are; PyTorch is not imported before that is clear."""

    def parse_and_run() -> None:
        from dl4ia.base.working_copy import check_code  # noqa: PLC0415

        arguments = _parser().parse_args(words)
        check_code(Path())
        arguments.run(arguments)

    ending_in_one_line(parse_and_run)


def ending_in_one_line(work: Callable[[], None]) -> None:
    """Call `work`; what its user can correct ends in one line and exit code 1, a signal with 128 and its number."""
    raise_on_signals()
    os.environ.pop("MPLBACKEND", None)  # a notebook sets one that need not be installed here: matplotlib would fail
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the terminal lacks a sign, such as ±
    try:
        try:
            work()
        finally:
            print(end="", flush=True)  # noqa: T201 (also where there is no standard output)
    except BrokenPipeError:  # whoever reads the output has seen enough, as in `dl4ia list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Interrupted as interrupted:
        sys.stderr.write(f"stopped by {interrupted}: all that is done is kept, and the same command resumes\n")
        sys.exit(interrupted.code)
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}; no file is half-written: run the same command again")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dl4ia",
        description="Train, search, evaluate and compare the experiments of params.yaml.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, about: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        return command

    for name, (about, names) in _STAGES.items():
        command = add(name, about, _run_stage)
        command.set_defaults(stage="overview" if name == "list" else name, names=None)
        if names:
            command.add_argument("names", metavar=names[0], nargs=names[1], help="as in params.yaml")
        if name in _WORK:
            _add_scheduler(command)
    search = add("search", "run a study, or continue it", _search)
    search.add_argument("study", metavar="STUDY", help="as in params.yaml")
    search.add_argument("--workers", metavar="N", default="auto", help="processes of one thread (default: all cores)")
    _add_scheduler(search)
    search.add_argument(
        "--storage",
        metavar="URL",
        default=os.environ.get("OPTUNA_STORAGE"),
        help="database (default: OPTUNA_STORAGE, or studies.db in this folder)",
    )
    search.add_argument("--trials", metavar="N", help="how many trials to reach (default: those of params.yaml)")
    predict = add("predict", "apply a network to pictures: glands in tissue, or digits", _predict)
    predict.add_argument(
        "images", metavar="IMAGE", nargs="+", type=Path, help="files (BMP, JPEG, PNG, TIFF), or folders"
    )
    predict.add_argument(
        "--model",
        metavar="NAME",
        default="warwick",
        help="a task, for its champion (warwick, the default, or mnist), a variant, or a folder with a model",
    )
    predict.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("predictions"), help="for the results (default: predictions)"
    )
    predict.add_argument("--microns-per-pixel", metavar="X", help="of pictures of tissue (default: 0.62, as at 20x)")
    share = add("share", "send outputs to the DVC remote, or to ADDRESS, which becomes the remote", _share)
    share.add_argument("address", metavar="ADDRESS", nargs="?", help="a folder, or as in s3://bucket/path")
    add("fetch", "bring the outputs of dvc.lock from the DVC remote", _fetch)
    stages = add("stages", "print the stages of dvc.yaml of groups of experiments", _stages)
    stages.add_argument("groups", metavar="GROUP", nargs="+", help="as in params.yaml; report: those of the report")
    same = add("same", "show that the code of a revision computes the same as now, to the bit, and record that", _same)
    same.add_argument("revision", metavar="REV", help="a commit, such as HEAD")
    return parser


def _add_scheduler(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        default=os.environ.get("DASK_SCHEDULER_ADDRESS"),
        help="of a Dask cluster, such as tcp://host:8786 (default: DASK_SCHEDULER_ADDRESS, or this machine)",
    )


def _run_stage(arguments: argparse.Namespace) -> None:
    stage = getattr(_pipeline(arguments.stage, getattr(arguments, "scheduler", None)), arguments.stage)
    if arguments.names is None:
        stage()
    else:
        stage(arguments.names)


def _search(arguments: argparse.Namespace) -> None:
    trials = None if arguments.trials is None else _number("--trials", arguments.trials)
    workers = None if arguments.workers == "auto" else _number("--workers", arguments.workers)
    if workers and arguments.scheduler:
        raise UserError(f"--workers: got {workers}, but the cluster at {arguments.scheduler} has its own workers")
    _pipeline("search", arguments.scheduler).search(
        arguments.study, workers=workers, trials=trials, url=arguments.storage
    )


def _pipeline(stage: str, scheduler: str | None = None) -> "Pipeline":
    """Return the pipeline of this folder; PyTorch, which that imports, is loaded for workers at the same time."""
    if stage in _WORK and not scheduler:
        from dl4ia.execution.local import prepare  # noqa: PLC0415

        prepare(_WORK[stage])
    from dl4ia.stages import here  # noqa: PLC0415

    return here(scheduler)


def _stages(arguments: argparse.Namespace) -> None:
    from dl4ia.config.groups import stages_of  # noqa: PLC0415

    print(*(stage for group in arguments.groups for stage in stages_of(group)), sep="\n")  # noqa: T201


def _predict(arguments: argparse.Namespace) -> None:
    from dl4ia.prediction import TABLE, predict  # noqa: PLC0415

    scale = arguments.microns_per_pixel
    microns = None if scale is None else _positive("--microns-per-pixel", scale)
    table = predict(arguments.images, arguments.model, arguments.out, microns)
    print(table.to_string(index=False))  # noqa: T201
    print(f"pictures, and this table as {TABLE}, are in {arguments.out}")  # noqa: T201


def _share(arguments: argparse.Namespace) -> None:
    from dl4ia.sharing import share  # noqa: PLC0415

    print(share(Path(), arguments.address))  # noqa: T201


def _fetch(_: argparse.Namespace) -> None:
    from dl4ia.sharing import fetch  # noqa: PLC0415

    print(fetch(Path()))  # noqa: T201


def _same(arguments: argparse.Namespace) -> None:
    from dl4ia.equivalence.comparison import stamp_if_same  # noqa: PLC0415

    stamp_if_same(arguments.revision)


def _number(option: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{option}: got {text!r}, expected a whole number above 0")
    return int(text)


def _positive(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UserError(f"{option}: got {text!r}, expected a number above 0")
    return number
