"""The stages: each reads its parameters, calls dl4ia and writes its outputs."""

import sys
from collections.abc import Callable

from dl4ia.errors import UserError


def stage(main: Callable[..., None]) -> None:
    """Run a stage with the command line's words; what its maker can mend ends in one line and exit code 1."""
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror or error}; nothing was half-written, mend it and run again")
