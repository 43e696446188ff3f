"""How often the test score of each variant was computed: a line each time in `results/test_evaluations.csv`, in git.

A test set that is looked at again and again is a validation set. Lines are only added: (time, name, runs, key, commit),
where `key` is of the runs that were evaluated and of how: it distinguishes an evaluation of the same runs from one of
others.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from dl4ia.base.errors import RunError
from dl4ia.runs.layout import Layout
from dl4ia.runs.provenance import git_commit

_COLUMNS = ["time", "name", "runs", "key", "git_commit"]


def record_evaluation(layout: Layout, name: str, run_keys: Sequence[str], test_time: str) -> None:
    """Add a line for a variant or ensemble that is about to be evaluated on the test sets, of the runs with these keys.

    It is there before a test score can be seen, also of an evaluation that fails or is interrupted.
    """
    key = hashlib.sha256(" ".join([*run_keys, test_time]).encode()).hexdigest()[:16]
    time = datetime.now(UTC).isoformat(timespec="seconds")
    line = f"{time},{name},{len(run_keys)},{key},{git_commit()}\n"
    path = layout.test_evaluations
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(line if file.tell() else f"{','.join(_COLUMNS)}\n{line}")


def evaluation_counts(layout: Layout) -> pd.DataFrame:
    """Return for each name how often it was evaluated (`times`), and of how many different runs (`different`)."""
    grouped = recorded_evaluations(layout).groupby("name", sort=False)["key"]
    return grouped.agg(times="size", different="nunique").reset_index()


def recorded_evaluations(layout: Layout) -> pd.DataFrame:
    """Return all lines; no rows where nothing has been evaluated. Raises RunError for a damaged file."""
    path = layout.test_evaluations
    if not path.exists():
        return pd.DataFrame(columns=_COLUMNS)
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, usecols=_COLUMNS)
    except ValueError as error:  # pandas' errors are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path} is not the record of test evaluations ({reason}): `git checkout -- {path}`") from error
