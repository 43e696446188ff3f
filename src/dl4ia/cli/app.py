"""The application that commands are added to, and what they have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

PROGRAM = "dl4ia"

# Each with what it does; the tests run all of them.
EXAMPLES = {
    "dl4ia list": "what there is, and its results",
    "dl4ia predict slide.png": "glands in a picture of one's own",
    "dl4ia compare mnist-cnn mnist-adam": "tested differences, and curves",
    "dl4ia train mnist-cnn": "all its seeds; run again, it resumes",
    "dl4ia train mnist-cnn iterations=500": "something else, apart from results",
    "dl4ia evaluate mnist-cnn": "on the test set",
    "dl4ia search joint --workers 2": "a study, by two processes",
    "dl4ia export warwick": "as ONNX, for other programs",
    "dl4ia report": "results/*.csv and report/",
}
_WIDTH = max(map(len, EXAMPLES))
_EPILOG = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        *(f"{command.ljust(_WIDTH)}  {about}" for command, about in EXAMPLES.items()),
        "`dvc repro` runs all that is out of date, in order; see README.md.",
    ]
)

Work = TypeVar("Work", bound=Callable[..., None])

app = typer.Typer(
    name=PROGRAM,
    epilog=_EPILOG,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 (as Typer calls it)
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        print(version("dl4ia"))  # noqa: T201
        raise typer.Exit


@app.callback()
def _program(
    *,
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Train, search, evaluate, compare and apply the networks of params.yaml."""


class _Command(TyperCommand):
    """A command that refuses to run with the code of another working copy."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 (types of Typer that it keeps to itself)
        """Run the command, whose words are known to be right."""
        from dl4ia.base.working_copy import check_code  # noqa: PLC0415

        check_code(Path())
        return super().invoke(ctx)


def command(panel: str, name: str | None = None) -> Callable[[Work], Work]:
    """Return a decorator that makes a function a command, in a panel of `--help`."""
    return app.command(name, cls=_Command, rich_help_panel=panel)


def _completed(*sections: str) -> Callable[[str], list[str]]:
    """Return what completes names of sections of params.yaml in a shell."""

    def complete(incomplete: str) -> list[str]:
        from ruamel.yaml import YAML  # noqa: PLC0415
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415

        try:
            raw = YAML(typ="safe", pure=True).load(Path("params.yaml"))
        except (OSError, YAMLError):
            return []
        names = [str(name) for section in sections for name in raw.get(section) or ()]
        return [name for name in names if name.startswith(incomplete)]

    return complete


_NAME = "as in params.yaml"
Tasks = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TASK]", help=f"{_NAME}; all by default", autocompletion=_completed("split")),
]
Rows = Annotated[
    list[str],
    typer.Argument(metavar="NAME", help=_NAME, autocompletion=_completed("variants", "searched", "ensembles")),
]
Trained = Annotated[
    list[str],
    typer.Argument(
        metavar="VARIANT", help=f"{_NAME}; KEY=VALUE sets a setting", autocompletion=_completed("variants", "searched")
    ),
]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help=_NAME, autocompletion=_completed("studies", "finals"))]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        envvar="DASK_SCHEDULER_ADDRESS",
        help="of a Dask cluster, such as tcp://host:8786 (default: this machine)",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
