"""Commands that send outputs to a DVC remote, and bring them back."""

from pathlib import Path
from typing import Annotated

import typer

from dl4ia.cli.app import command

_PANEL = "Share through a DVC remote"


@command(_PANEL)
def share(
    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="a folder, or as in s3://bucket/path")
    ] = None,
) -> None:
    """Send outputs to the DVC remote, or to ADDRESS, which becomes the remote."""
    from dl4ia.sharing import share  # noqa: PLC0415

    print(share(Path(), address))  # noqa: T201


@command(_PANEL)
def fetch() -> None:
    """Bring the outputs of dvc.lock from the DVC remote."""
    from dl4ia.sharing import fetch  # noqa: PLC0415

    print(fetch(Path()))  # noqa: T201
