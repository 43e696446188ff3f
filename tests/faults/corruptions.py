"""Text files as they should not be: damaged, with wrong values, without a key or column that is needed."""

import copy
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Self

import pandas as pd
from PIL import Image
from ruamel.yaml import YAML

WRONG_VALUES = ("many", "", -1, 0, 10**30, 1.5, math.nan, math.inf, True, None, [], ["a"], {}, {"a": 1})
_CUTS = 6


@dataclass(frozen=True)
class Corruption:
    """A bad version of a file, made when it is needed, and what was done to the good one."""

    description: str
    make: Callable[[], bytes]

    @classmethod
    def of(cls, description: str, content: bytes) -> Self:
        """Return a version that there is already."""
        return cls(description, lambda: content)


Corrupt = Callable[[bytes, Random], Iterator[Corruption]]


def damaged(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield the file cut short and empty, and other files under its name."""
    for _ in range(_CUTS):
        length = random.randrange(len(good))
        yield Corruption.of(f"cut to {length} bytes", good[:length])
    yield Corruption.of("empty", b"")
    yield Corruption.of("zeros", bytes(len(good)))
    yield Corruption.of("noise", random.randbytes(200))
    yield Corruption.of("a picture", picture("PNG", "RGB", (8, 8)))


def picture(kind: str, mode: str, size: tuple[int, int]) -> bytes:
    """Return an image file."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


# Nested sections: JSON and YAML


def paths(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every key, and of the first item of every list."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree[:1]) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths(value, (*path, key))


def value_at(tree: Any, path: tuple) -> Any:
    """Return what is at a path."""
    for key in path:
        tree = tree[key]
    return tree


def mutations(tree: Any, random: Random, dump: Callable[[Any], bytes]) -> Iterator[Corruption]:
    """Yield the tree, as `dump` writes it, with each key dropped, misspelt, and given a wrong value."""
    for path in paths(tree):
        key, value = ".".join(map(str, path)), random.choice(WRONG_VALUES)
        changes = {f"{key} dropped": _drop, f"{key} = {value!r}": partial(_set, value)}
        if isinstance(path[-1], str):
            changes[f"{key} misspelt"] = _misspell
        for description, change in changes.items():
            yield Corruption(description, partial(_dumped, dump, tree, path, change))


def _dumped(dump: Callable[[Any], bytes], tree: Any, path: tuple, change: Callable[[Any, Any], None]) -> bytes:
    changed = copy.deepcopy(tree)
    change(value_at(changed, path[:-1]), path[-1])
    return dump(changed)


def _drop(parent: Any, key: Any) -> None:
    del parent[key]


def _misspell(parent: Any, key: Any) -> None:
    parent[f"{key}x"] = parent.pop(key)


def _set(value: Any, parent: Any, key: Any) -> None:
    parent[key] = value


def bad_json(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield bad versions of a JSON file."""
    yield from damaged(good, random)
    yield from mutations(json.loads(good), random, lambda tree: json.dumps(tree).encode())


def bad_yaml(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield bad versions of a YAML file, those included that would execute code or never end."""
    yield from damaged(good, random)
    yield Corruption.of("code", b"data: !!python/object/apply:os.mkdir [evil]\n")
    yield Corruption.of("endless", b"data: &data {source: *data}\n")
    yield Corruption.of("deep", b"data: " + b"[" * 5000 + b"]" * 5000)
    yield Corruption.of("all of it twice", good + b"\n" + good)
    yield from mutations(YAML(typ="safe", pure=True).load(good), random, _yaml)


def _yaml(tree: Any) -> bytes:
    return json.dumps(tree).replace("NaN", ".nan").replace("Infinity", ".inf").encode()  # JSON is YAML but for these


# Tables


def bad_table(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield a table with each column dropped, misspelt, and given values that are no numbers."""
    yield from damaged(good, random)
    table = pd.read_csv(io.BytesIO(good))
    for column in table:
        for value in ("many", "", math.inf, -math.inf):
            changed = table.astype({column: object})
            changed.loc[random.randrange(len(table)), column] = value
            yield _table(f"{column} = {value!r}", changed)
        yield _table(f"{column} dropped", table.drop(columns=column))
        yield _table(f"{column} misspelt", table.rename(columns={column: f"{column}x"}))
    yield _table("header alone", table[:0])


def bad_history(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield bad tables, and steps that are not in order."""
    yield from bad_table(good, random)
    table = pd.read_csv(io.BytesIO(good))
    yield _table("backwards", table[::-1])
    yield _table("twice", pd.concat([table, table]))
    yield _table("half steps", table.assign(step=table["step"] + 0.5))


def bad_grades(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield tables of patients and grades without columns, rows or sense."""
    yield from damaged(good, random)
    header, *rows = good.decode().splitlines()
    lines = [header, *rows]
    yield _lines("no patients", [line.split(",")[0] for line in lines])
    yield _lines("unknown names", [line.replace("train_", "drain_") for line in lines])
    for patient in ("x", 10**30):
        yield _lines(f"patient {patient}", [header, *(f"{row.split(',')[0]},{patient},y" for row in rows)])
    yield _lines("a row twice", [*lines, rows[-1]])
    yield _lines("no grades", [header, *(",".join(row.split(",")[:2]) + ",," for row in rows)])
    yield _lines("header alone", [header])


def _table(description: str, table: pd.DataFrame) -> Corruption:
    return Corruption.of(description, table.to_csv(index=False).encode())


def _lines(description: str, lines: list[str]) -> Corruption:
    return Corruption.of(description, "\n".join(lines).encode())
