"""Files as they should not be: every one must be refused in one line, or mean what it says.

Each function yields what was done to a good file and the bad one; who reads it is named beside it.
"""

import copy
import io
import json
import math
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import load, save

from dl4ia import config
from dl4ia.data import warwick
from dl4ia.data.archives import _unzip
from dl4ia.data.datasets import sources
from dl4ia.data.imageset import ImageSet
from dl4ia.errors import UserError
from dl4ia.evaluation import read_figures, trained
from dl4ia.experiment import Experiment, training_data
from tests.conftest import ROOT

Bad = tuple[str, bytes]
WRONG = ("many", "", -1, 0, 10**30, 1.5, float("nan"), float("inf"), True, None, [], ["a"], {}, {"a": 1})


@dataclass(frozen=True)
class Victim:
    """A file, its bad versions, and who reads it; a reader may take one for good where `harmless` says so."""

    name: str
    path: Path
    versions: Callable[[bytes, random.Random], Iterator[Bad]]
    read: Callable[[], Any]
    harmless: Callable[[str], bool] = lambda _: False
    whole: bool = True  # is the good one good?


def attack(victim: Victim, chance: random.Random, share: float = 1) -> Iterator[tuple[str, str]]:
    """Yield versions of a file (a `share` of all) and what is wrong with how each was met: empty, if nothing is."""
    good = victim.path.read_bytes()
    try:
        for told, bad in victim.versions(good, chance):
            if chance.random() >= share:
                continue
            victim.path.write_bytes(bad)
            yield f"{victim.name}: {told}", _met(victim, told)
    finally:
        victim.path.write_bytes(good)
    if victim.whole:
        victim.read()


def _met(victim: Victim, told: str) -> str:
    try:
        victim.read()
    except UserError as error:
        lines = str(error).splitlines()
        return "" if len(lines) == 1 and lines[0].strip() else f"not one line: {error}"
    except Exception as error:  # noqa: BLE001 (that is what is looked for)
        return f"{type(error).__name__}: {error}"
    return "" if victim.harmless(told) else "it was taken for good"


# Versions of any file


def torn(good: bytes, chance: random.Random, times: int = 6) -> Iterator[Bad]:
    """Cut it, flip bits in it, empty it, put something else there."""
    for _ in range(times):
        length = chance.randrange(len(good))
        yield f"cut to {length} bytes", good[:length]
    yield "empty", b""
    yield "of zeros", bytes(len(good))
    yield "of noise", chance.randbytes(200)
    yield "a picture", _picture("PNG", "RGB", (8, 8))


def _leaves(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every key and item of nested sections."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _leaves(value, (*path, key))


def _changed(tree: Any, path: tuple, change: Callable[[Any, Any], None]) -> Any:
    new = copy.deepcopy(tree)
    place = new
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return new


def _drop(place: Any, key: Any) -> None:
    del place[key]


def _misspell(place: Any, key: Any) -> None:
    place[f"{key}x"] = place.pop(key)


def mutations(tree: Any, chance: random.Random, values: int) -> Iterator[tuple[str, Any]]:
    """Yield a tree with each key dropped, misspelt, and given `values` wrong values."""
    for path in _leaves(tree):
        told = ".".join(map(str, path))
        yield f"{told} dropped", _changed(tree, path, _drop)
        if isinstance(path[-1], str):
            yield f"{told} misspelt", _changed(tree, path, _misspell)
        for value in chance.sample(WRONG, values):
            yield f"{told} = {value!r}", _changed(tree, path, lambda place, key, value=value: _set(place, key, value))


def _set(place: Any, key: Any, value: Any) -> None:
    place[key] = value


def bad_json(values: int) -> Callable[[bytes, random.Random], Iterator[Bad]]:
    """Return versions of a JSON file."""

    def versions(good: bytes, chance: random.Random) -> Iterator[Bad]:
        yield from torn(good, chance)
        for told, tree in mutations(json.loads(good), chance, values):
            yield told, json.dumps(tree).encode()

    return versions


def _picture(kind: str, mode: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


# params.yaml


def bad_yaml(values: int) -> Callable[[bytes, random.Random], Iterator[Bad]]:
    """Return versions of params.yaml, those included that execute, explode or never end."""

    def versions(good: bytes, chance: random.Random) -> Iterator[Bad]:
        yield from torn(good, chance)
        yield "code", b"data: !!python/object/apply:os.mkdir [evil]\n"
        yield (
            "laughing",
            b"a: &a [1,1,1,1,1,1,1,1,1]\n"
            + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)),
        )
        yield "endless", b"data: &data {source: *data}\n"
        yield "deep", b"data: " + b"[" * 5000 + b"]" * 5000
        yield "twice", good + b"\ndata: {source: local}\n"
        yaml = YAML(typ="safe", pure=True)
        for told, tree in mutations(yaml.load(good), chance, values):
            buffer = io.BytesIO()
            yaml.dump(tree, buffer)
            yield told, buffer.getvalue()

    return versions


class Meaning:
    """Whether a version of params.yaml that loads means what it says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._good = config.load(path, path.parent)

    def __call__(self, told: str) -> bool:
        key, what = told.split(" ", 1)
        parts = key.split(".")
        if {"about", "exercise"} & set(parts):
            return True  # prose
        row = parts[0] in {"variants", "studies", "searched"}
        if what == "misspelt" and not row:
            return False
        if what in {"dropped", "misspelt"}:  # a row less or of another name, a default instead, one choice less
            return row or parts[-1].isdecimal() or self._is_unread(parts)
        if config.load(self._path, self._path.parent) != self._good or row:
            return True  # another value, and it was taken
        good = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
        for part in parts[:-1]:
            good = good[part]
        return repr(good[parts[-1]]) == what[2:] or self._is_unread(parts)

    def _is_unread(self, parts: list[str]) -> bool:
        """Say whether all variants override it, so that nothing changes without it."""
        tree = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
        self._path.write_text(json.dumps(_changed(tree, tuple(parts), _drop)))
        return config.load(self._path, self._path.parent) == self._good


class Plausible:
    """Whether a version of a JSON file could as well be a good one: another value of the same kind, an unread key."""

    def __init__(self, path: Path, *unread: str) -> None:
        self._good = json.loads(path.read_bytes())
        self._unread = unread

    def __call__(self, told: str) -> bool:
        key, what = told.split(" ", 1)
        parts = key.split(".")
        if parts[0] in self._unread or (what == "dropped" and parts[-1].isdecimal()):
            return True
        good = self._good
        for part in parts:
            good = good[int(part) if isinstance(good, list) else part] if part in good or part.isdecimal() else None
        if not what.startswith("= "):
            return False
        value = eval(what[2:], {"nan": math.nan, "inf": math.inf})  # what repr wrote
        numbers = isinstance(good, int | float) and isinstance(value, int | float)
        return not isinstance(value, bool) and (numbers or type(value) is type(good))


# Images, masks, tables, arrays


def bad_images(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Truncated, of no size, of other kinds, of a size that would not fit into memory."""
    yield from torn(good, chance, 8)
    for mode in ("1", "L", "P", "RGBA"):
        yield f"of mode {mode}", _picture("BMP", mode, (40, 30))
    for size in ((0, 0), (0, 5), (5, 0)):
        yield f"of size {size}", good[:18] + struct.pack("<ii", *size) + good[26:]
    for size in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (30_000, 1_000)):
        yield f"that claims {size}", good[:18] + struct.pack("<ii", *size) + good[26:]
    for mode in ("I;16", "F"):
        yield f"of mode {mode}", _picture("TIFF", mode, (40, 30))
    for kind in ("PNG", "TIFF", "GIF"):
        yield f"that is {kind}", _picture(kind, "L", (40, 30))


def bad_masks(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """As images, and such as do not fit theirs."""
    yield from torn(good, chance, 8)
    for size in ((1, 1), (774, 522), (522, 775)):
        yield f"of size {size}", _picture("BMP", "L", size)
    yield "of colours", _picture("BMP", "RGB", (775, 522))


def bad_grades(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Tables without columns, rows or sense."""
    yield from (bad for bad in torn(good, chance, 0))
    lines = good.decode().splitlines()
    yield "without patients", "\n".join(line.split(",")[0] for line in lines).encode()
    yield "of names unheard of", "\n".join(line.replace("train_", "drain_") for line in lines).encode()
    for patient in ("x", 10**30):
        rows = [f"{line.split(',')[0]},{patient},y" for line in lines[1:]]
        yield f"with patients {patient}", "\n".join([lines[0], *rows]).encode()
    yield "with a row twice", "\n".join([*lines, lines[-1]]).encode()
    yield "with an image that is not there", "\n".join([*lines, "train_999, 1, benign, adenoma"]).encode()
    rows = [",".join(line.split(",")[:2]) + ",," for line in lines[1:]]
    yield "without grades", "\n".join([lines[0], *rows]).encode()
    yield "with the header alone", lines[0].encode()


def bad_csv(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Each column dropped, misspelt, and given what is no number."""
    yield from (bad for bad in torn(good, chance, 0))
    table = pd.read_csv(io.BytesIO(good))
    for column in table:
        for value in ("many", "", math.inf, -math.inf):
            changed = table.astype({column: object})
            changed.loc[1, column] = value
            yield f"{column} = {value!r}", changed.to_csv(index=False).encode()
    for column in ("step", "epoch", "seconds"):
        yield f"{column} dropped", table.drop(columns=column).to_csv(index=False).encode()
        yield f"{column} misspelt", table.rename(columns={column: f"{column}x"}).to_csv(index=False).encode()
    yield "backwards", table[::-1].to_csv(index=False).encode()
    yield "twice", pd.concat([table, table]).to_csv(index=False).encode()
    yield "of half steps", table.assign(step=table["step"] + 0.5).to_csv(index=False).encode()


def bad_arrays(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Each array of an .npz dropped, of another shape or type, with values that cannot be, or a pickle."""
    yield from torn(good, chance)
    with np.load(io.BytesIO(good)) as opened:
        arrays = dict(opened)

    def packed(**changes: Any) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{name: value for name, value in (arrays | changes).items() if value is not None})
        return buffer.getvalue()

    for name, array in arrays.items():
        yield f"{name} dropped", packed(**{name: None})
        yield f"{name} shorter", packed(**{name: array[:-1]})
        yield f"{name} flat", packed(**{name: array.ravel()[:1]})
        yield f"{name} of complex numbers", packed(**{name: np.zeros(array.shape, complex)})
        yield f"{name} pickled", packed(**{name: array.astype(object)})
        yield f"{name} empty", packed(**{name: array[:0]})
    yield "classes unheard of", packed(targets=np.full_like(arrays["targets"], 200))
    yield "images of NaN", packed(images=np.full_like(arrays["images"], np.nan, dtype=np.float32))
    shape = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }"
    header = (b"\x93NUMPY\x01\x00v\x00" + shape).ljust(127) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", header)
    yield "images that would not fit into memory", buffer.getvalue()


def bad_weights(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Each tensor dropped, misspelt, of another shape, not finite; headers that lie."""
    yield from torn(good, chance)
    weights = load(good)
    for name, value in weights.items():
        yield f"{name} dropped", save({other: weights[other] for other in weights if other != name})
        yield f"{name} misspelt", save({f"{other}x" if other == name else other: weights[other] for other in weights})
        yield f"{name} of another shape", save(weights | {name: torch.zeros(3, 5, 7)})
        yield f"{name} not finite", save(weights | {name: torch.full(value.shape, torch.nan)})
    yield "a header beyond the end", struct.pack("<Q", 2**60) + good[8:]
    yield "a pickle", pickle.dumps({"weights": 1})


def bad_archives(good: bytes, chance: random.Random) -> Iterator[Bad]:
    """Zips that are torn, that reach outside, that explode."""
    yield from torn(good, chance)
    names = list(warwick.checksums())
    for told, member, content in (
        ("reaching outside", f"../../{names[0]}", b"evil"),
        ("reaching to the root", f"/{names[0]}", b"evil"),
        ("exploding", names[0], bytes(50 << 20)),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)
            for name in names[1:]:
                archive.writestr(name, b"")
        yield told, buffer.getvalue()


def _draw_published(folder: Path) -> None:
    """Write two images with masks, as they are published, and their table."""
    folder.mkdir()
    drawn = np.random.default_rng(0)
    for number in (1, 2):
        Image.fromarray(drawn.integers(0, 255, (522, 775, 3), dtype=np.uint8)).save(folder / f"train_{number}.bmp")
        mask = np.zeros((522, 775), dtype=np.uint8)
        mask[100:200, 100:300] = number
        Image.fromarray(mask).save(folder / f"train_{number}_anno.bmp")
    lines = ["name, patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    lines += [f"train_{number}, {number}, benign, adenomatous" for number in (1, 2)]
    (folder / "Grade.csv").write_text("\n".join(lines))


# All of them


def victims(folder: Path, run: Experiment, values: int) -> list[Victim]:
    """Return every kind of file that may come from somebody else, in a working copy with one finished run."""
    layout = run.layout
    published = folder / "published"
    _draw_published(published)
    params = folder / "params.yaml"
    params.write_bytes((ROOT / "params.yaml").read_bytes())
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("Grade.csv", "name, patient ID")
    figures = layout.evaluation(run.name) / "runs" / f"seed-{run.seed}" / "metrics.json"
    meaning, split = Meaning(params), layout.split("mnist", "random")
    config_json, status = run.run.path / "config.json", run.run.path / "status.json"

    def prepared() -> ImageSet:
        return warwick.read(published, ("train",))

    def unpacked() -> None:
        before = {path for path in folder.rglob("*") if "published" not in path.parts}
        try:
            _unzip(archive, folder / "unpacked")
        finally:
            left = {path for path in folder.rglob("*") if "published" not in path.parts} - before
            assert not left, f"it left {left}"

    return [
        Victim("params.yaml", params, bad_yaml(values), lambda: config.load(params, folder), meaning),
        Victim("image", published / "train_1.bmp", bad_images, prepared, lambda told: told.startswith("cut to")),
        Victim("mask", published / "train_1_anno.bmp", bad_masks, prepared, lambda told: told.startswith("cut to")),
        Victim("Grade.csv", published / "Grade.csv", bad_grades, prepared),
        Victim("archive", archive, bad_archives, unpacked, whole=False),
        Victim("image set", layout.dataset("mnist", "train"), bad_arrays, lambda: training_data(run)),
        Victim("split", split, bad_json(values), lambda: training_data(run), Plausible(split, "strategy")),
        Victim(
            "source.json", layout.source, bad_json(values), lambda: sources(layout.source), Plausible(layout.source)
        ),
        Victim("history.csv", run.run.path / "history.csv", bad_csv, lambda: run.run.history),
        Victim(
            "config.json",
            config_json,
            bad_json(values),
            lambda: run.run.config,
            Plausible(config_json, "settings", "task", "code"),
        ),
        Victim(
            "status.json",
            status,
            bad_json(values),
            lambda: run.run.status,
            Plausible(status, "versions", "machine", "process", "processx"),
        ),
        Victim("metrics.json", figures, bad_json(values), lambda: read_figures(figures, "mnist"), Plausible(figures)),
        Victim(
            "weights",
            run.run.path / "model.safetensors",
            bad_weights,
            lambda: trained(run),
            lambda told: "num_batches_tracked" in told,
        ),
    ]
