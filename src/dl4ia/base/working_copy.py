"""Which working copy this is: of which code, and of which databases."""

from pathlib import Path

import dl4ia
from dl4ia.base.errors import UserError

_EXPERIMENTS = Path(".dvc", "tmp", "exps")  # where `dvc exp run --queue` and `--temp` put their copies


def check_code(root: Path) -> None:
    """Raise UserError if the working copy at `root` has code of its own, and another one is running."""
    own, running = root / "src" / "dl4ia", Path(dl4ia.__file__).parent
    if own.is_dir() and not own.samefile(running):
        raise UserError(
            f"{own.resolve()} is the code of this folder, but the command `dl4ia` is that of {running}: run "
            f"`python -m pipeline.STAGE` instead of `dl4ia STAGE`, or `make setup` and `.venv/bin/dl4ia` here"
        )


def lasting(root: Path) -> Path:
    """Return the absolute path of the working copy that lasts.

    This is `root`, or for a copy that DVC makes for one experiment and deletes afterwards the one that it is made from.
    """
    root = root.resolve()
    for folder in root.parents:
        if root.is_relative_to(folder / _EXPERIMENTS):
            return folder
    return root
