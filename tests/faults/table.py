"""Which faults were caused, and what came of them."""

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Fault:
    """A kind of fault: how often it was tried and survived, and how many points (of curves, of studies) were lost."""

    fault: str
    tried: int
    survived: int
    points_lost: int
    note: str


def write(faults: list[Fault], path: Path) -> None:
    """Write the table that is committed."""
    pd.DataFrame([asdict(fault) for fault in faults]).to_csv(path, index=False)
