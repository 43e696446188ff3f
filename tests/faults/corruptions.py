"""Text files as they should not be: damaged, with wrong values, without a key or column that is needed."""

import copy
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pandas as pd
from PIL import Image
from ruamel.yaml import YAML

WRONG_VALUES = ("many", "", -1, 0, 10**30, 1.5, math.nan, math.inf, True, None, [], ["a"], {}, {"a": 1})
_CUTS = 6


@dataclass(frozen=True)
class Corruption:
    """A bad version of a file, and what was done to the good one."""

    description: str
    content: bytes


Corrupt = Callable[[bytes, Random], Iterator[Corruption]]


def damaged(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield the file cut short and empty, and other files under its name."""
    for _ in range(_CUTS):
        length = random.randrange(len(good))
        yield Corruption(f"cut to {length} bytes", good[:length])
    yield Corruption("empty", b"")
    yield Corruption("zeros", bytes(len(good)))
    yield Corruption("noise", random.randbytes(200))
    yield Corruption("a picture", picture("PNG", "RGB", (8, 8)))


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


def mutations(tree: Any, random: Random) -> Iterator[tuple[str, Any]]:
    """Yield the tree with each key dropped, misspelt, and given a wrong value; each with a description."""
    for path in paths(tree):
        key = ".".join(map(str, path))
        yield f"{key} dropped", _changed(tree, path, _drop)
        if isinstance(path[-1], str):
            yield f"{key} misspelt", _changed(tree, path, _misspell)
        value = random.choice(WRONG_VALUES)
        yield f"{key} = {value!r}", _changed(tree, path, _setting(value))


def _changed(tree: Any, path: tuple, change: Callable[[Any, Any], None]) -> Any:
    changed = copy.deepcopy(tree)
    change(value_at(changed, path[:-1]), path[-1])
    return changed


def _drop(parent: Any, key: Any) -> None:
    del parent[key]


def _misspell(parent: Any, key: Any) -> None:
    parent[f"{key}x"] = parent.pop(key)


def _setting(value: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def bad_json(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield bad versions of a JSON file."""
    yield from damaged(good, random)
    for description, tree in mutations(json.loads(good), random):
        yield Corruption(description, json.dumps(tree).encode())


def bad_yaml(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield bad versions of a YAML file, those included that would execute code or never end."""
    yield from damaged(good, random)
    yield Corruption("code", b"data: !!python/object/apply:os.mkdir [evil]\n")
    yield Corruption("endless", b"data: &data {source: *data}\n")
    yield Corruption("deep", b"data: " + b"[" * 5000 + b"]" * 5000)
    yield Corruption("all of it twice", good + b"\n" + good)
    for description, tree in mutations(YAML(typ="safe", pure=True).load(good), random):
        content = json.dumps(tree).replace("NaN", ".nan").replace("Infinity", ".inf")  # JSON is YAML but for these
        yield Corruption(description, content.encode())


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
    return Corruption(description, table.to_csv(index=False).encode())


def _lines(description: str, lines: list[str]) -> Corruption:
    return Corruption(description, "\n".join(lines).encode())
