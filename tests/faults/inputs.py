"""What must happen to a bad file: it is refused in one line that names it, or it is read for what it says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from dl4ia.base.errors import UserError
from tests.faults.agreement import Agrees, never
from tests.faults.corruptions import Corrupt


@dataclass(frozen=True)
class Target:
    """A good file, its bad versions, who reads it, and whether what was read is what the file says.

    A refusal must name the file and say `remedy`.
    """

    path: Path
    corrupt: Corrupt
    read: Callable[[], Any]
    agrees: Agrees = never
    remedy: str = ""


def outcomes(target: Target, random: Random, count: int | None = None) -> Iterator[tuple[str, str]]:
    """Yield all bad versions, or `count` chosen at random, and what is wrong with what happened ('': nothing).

    The good file is read before and afterwards.
    """
    good = target.path.read_bytes()
    corruptions = list(target.corrupt(good, random))
    target.read()
    try:
        for each in corruptions if count is None else random.sample(corruptions, min(count, len(corruptions))):
            content = each.make()
            target.path.write_bytes(content)
            yield each.description, _fault(target, content)
    finally:
        target.path.write_bytes(good)
    target.read()


def _fault(target: Target, content: bytes) -> str:
    try:
        value = target.read()
    except UserError as error:
        message = str(error)
        if len(message.splitlines()) != 1 or not message.strip():
            return f"not one line: {message}"
        absent = [words for words in (target.path.name, target.remedy) if words not in message]
        return f"does not say {absent[0]!r}: {message}" if absent else ""
    except Exception as error:  # noqa: BLE001 (the fault that is looked for)
        return f"{type(error).__name__}: {error}"
    return "" if target.agrees(value, content) else "read as something else"
