"""The program `dl4ia`, and one command of it."""

import sys
from collections.abc import Sequence

from typer import TyperException

from dl4ia.cli import look, pipeline, share  # noqa: F401 (they add their commands, in this order)
from dl4ia.cli.app import PROGRAM, app
from dl4ia.cli.ending import end_process, ending_in_one_line


def main(*words: str) -> None:
    """Run a command (default: that of the command line) as the program of this process."""
    try:
        run(words or sys.argv[1:])
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        end_process(1 if isinstance(end.code, str) else int(end.code or 0))
    end_process(0)


def run(words: Sequence[str]) -> None:
    """Run the command that `words` are, by default `--help`."""

    def parse_and_run() -> None:
        try:
            app(args=list(words) or ["--help"], prog_name=PROGRAM, standalone_mode=False)
        except TyperException as error:
            _explain(error)

    ending_in_one_line(parse_and_run)


def _explain(error: TyperException) -> None:
    """Print a mistake in the words of a command in one line, and exit with 2."""
    context, format_message = getattr(error, "ctx", None), getattr(error, "format_message", None)
    if format_message is None:
        raise error
    command = context.command_path if context else PROGRAM
    reason = " ".join(format_message().split()).removesuffix(".")
    sys.stderr.write(f"error: {reason[:1].lower()}{reason[1:]}; see `{command} --help`\n")
    sys.exit(getattr(error, "exit_code", 2))
