"""The command line: `dl4ia search STUDY`, and how every command ends."""

import argparse
import sys
from collections.abc import Callable

from joblib import cpu_count

from dl4ia import config
from dl4ia.errors import UserError
from dl4ia.interrupts import Interrupted, listen
from dl4ia.progress import SearchProgress, TrialBar
from dl4ia.runs import Layout


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="dl4ia", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("search", help="run a study of params.yaml, or go on with it")
    command.add_argument("study", metavar="STUDY", help="its name in params.yaml")
    command.add_argument(
        "--workers", metavar="N", default="auto", help="processes of one thread each (default: auto, all cores)"
    )
    command.add_argument("--storage", metavar="URL", help="database (default: studies.db in this folder)")
    command.add_argument(
        "--trials", metavar="N", help="how many trials it should come to (default: as params.yaml says)"
    )
    words = parser.parse_args()
    ending_in_one_line(lambda: search(words.study, words.workers, words.storage, words.trials))


def search(name: str, workers: str = "auto", storage: str | None = None, trials: str | None = None) -> None:
    """Bring a study to its number of trials, showing them on the terminal and in MLflow; write out/search/<study>/."""
    from dl4ia.search.run import run_study  # noqa: PLC0415 (Optuna takes a second to import)
    from dl4ia.search.storage import default_url  # noqa: PLC0415
    from dl4ia.tracking.live import Live  # noqa: PLC0415
    from dl4ia.tracking.studies import StudyView  # noqa: PLC0415

    layout, study = Layout(), config.load().study(name)
    if trials is not None:
        study = study.with_trials(_number("--trials", trials))
    processes = cpu_count() if workers == "auto" else _number("--workers", workers)
    if processes > cpu_count():
        raise UserError(f"--workers: got {processes}, and this machine has {cpu_count()} cores")
    with TrialBar(name) as bar, Live(layout) as live:

        def observe(progress: SearchProgress) -> None:
            bar(progress)
            live(StudyView(name, study, layout))

        run_study(name, study, layout, storage or default_url(layout), processes, observe)


def ending_in_one_line(main: Callable[[], None]) -> None:
    """Call `main`; what its user can mend ends in one line and exit code 1, Ctrl-C and SIGTERM with 130 and 143."""
    listen()
    try:
        main()
    except Interrupted as interrupted:
        sys.stderr.write(f"stopped by {interrupted}: what was done is kept, and the same command goes on\n")
        sys.exit(interrupted.code)
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}; nothing was half-written, mend it and run again")


def _number(option: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{option}: got {text!r}, expected a whole number above 0")
    return int(text)
