"""Binary files as they should not be: images, archives, arrays, weights, checkpoints, databases."""

import io
import os
import pickle
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from tests.faults.corruptions import Corruption, damaged, picture

_SHA256 = 32  # bytes
_SIDES = 18  # byte of a BMP file from which on its width and height are
EXPLODING = 50 << 20  # bytes of an archive's member that is tiny while it is packed


def flipped(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield a damaged file, and the file with one bit changed."""
    yield from damaged(good, random)
    place = random.randrange(len(good))
    changed = good[place] ^ 1 << random.randrange(8)
    yield Corruption.of(f"a bit of byte {place}", good[:place] + bytes([changed]) + good[place + 1 :])


def bad_images(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield images of no size, of other kinds, of a size that would not fit into memory."""
    yield from damaged(good, random)
    for mode in ("1", "L", "P"):
        yield Corruption.of(f"mode {mode}", picture("BMP", mode, (40, 30)))
    for size in ((0, 0), (0, 5), (5, 0), (100_000, 100_000), (2**31 - 1, 2**31 - 1), (30_000, 1_000)):
        yield Corruption.of(f"a header of size {size}", good[:_SIDES] + struct.pack("<ii", *size) + good[_SIDES + 8 :])
    for mode in ("I;16", "F"):
        yield Corruption.of(f"mode {mode}", picture("TIFF", mode, (40, 30)))
    for kind in ("PNG", "TIFF", "GIF"):
        yield Corruption.of(f"kind {kind}", picture(kind, "L", (40, 30)))


def bad_masks(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield masks that do not fit their image."""
    yield from damaged(good, random)
    for size in ((1, 1), (774, 522), (522, 775)):
        yield Corruption.of(f"size {size}", picture("BMP", "L", size))
    yield Corruption.of("colours", picture("BMP", "RGB", (775, 522)))


def bad_archives(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield archives that reach outside, that explode, that lack a member or have another one."""
    yield from damaged(good, random)
    with zipfile.ZipFile(io.BytesIO(good)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    first, *others = members
    rest = {name: members[name] for name in others}
    yield Corruption.of("a member that reaches outside", archive({f"../../{first}": b"evil"} | rest))
    yield Corruption.of("a member that reaches to the root", archive({f"/{first}": b"evil"} | rest))
    yield Corruption.of("a member that explodes", archive({first: bytes(EXPLODING)} | rest))
    yield Corruption.of("a member less", archive(rest))
    yield Corruption.of("another member", archive(members | {first: b"other"}))


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def bad_arrays(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield each array of an image set dropped, of another shape or type, with impossible values, or as a pickle."""
    yield from flipped(good, random)
    with np.load(io.BytesIO(good)) as opened:
        arrays = dict(opened)

    def changed(description: str, **changes: Any) -> Corruption:
        buffer = io.BytesIO()
        np.savez(buffer, **{name: value for name, value in (arrays | changes).items() if value is not None})
        return Corruption.of(description, buffer.getvalue())

    for name, array in arrays.items():
        yield changed(f"{name} dropped", **{name: None})
        yield changed(f"{name} shorter", **{name: array[:-1]})
        yield changed(f"{name} flat", **{name: array.ravel()[:1]})
        yield changed(f"{name} of complex numbers", **{name: np.zeros(array.shape, complex)})
        yield changed(f"{name} pickled", **{name: array.astype(object)})
        yield changed(f"{name} empty", **{name: array[:0]})
    yield changed("an unknown class", targets=np.full_like(arrays["targets"], 200))
    yield changed("images of NaN", images=np.full_like(arrays["images"], np.nan, dtype=np.float32))
    yield Corruption.of("images that would not fit into memory", archive({"images.npy": _header_of_an_exabyte()}))


def _header_of_an_exabyte() -> bytes:
    shape = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000000,), }"
    return (b"\x93NUMPY\x01\x00v\x00" + shape).ljust(127) + b"\n"


def bad_weights(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield each tensor dropped, misspelt, of another shape, not finite; a header of impossible length; a pickle."""
    yield from damaged(good, random)
    weights = load(good)
    for name, value in weights.items():
        yield Corruption.of(f"{name} dropped", save({other: weights[other] for other in weights if other != name}))
        renamed = {f"{other}x" if other == name else other: weights[other] for other in weights}
        yield Corruption.of(f"{name} misspelt", save(renamed))
        yield Corruption.of(f"{name} of another shape", save(weights | {name: torch.zeros(3, 5, 7)}))
        yield Corruption.of(f"{name} not finite", save(weights | {name: torch.full(value.shape, torch.nan)}))
    yield Corruption.of("a header beyond the end", struct.pack("<Q", 2**60) + good[8:])
    yield Corruption.of("a pickle", pickle.dumps({"weights": 1}))


def bad_checkpoints(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield checkpoints of other content under the right digest, too."""
    yield from flipped(good, random)
    state = torch.load(io.BytesIO(good[_SHA256:]), weights_only=True)
    yield _checkpoint("another version", state | {"version": "0"})
    yield _checkpoint("no state", {"version": state["version"]})
    yield _checkpoint("other networks' weights", state | {"state": state["state"] | {"network": {}}})
    yield Corruption.of("a pickle that calls a function", _with_digest(pickle.dumps(_Call())))


class _Call:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("evil",)


def _checkpoint(description: str, content: dict[str, Any]) -> Corruption:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return Corruption.of(description, _with_digest(buffer.getvalue()))


def _with_digest(content: bytes) -> bytes:
    return sha256(content).digest() + content


def bad_databases(good: bytes, random: Random) -> Iterator[Corruption]:
    """Yield databases of a later Optuna, and of another study."""
    yield from damaged(good, random)
    yield _edited("the tables of a later Optuna", good, "UPDATE alembic_version SET version_num = 'v999'")
    yield _edited(
        "another definition", good, "UPDATE study_user_attributes SET value_json = '{}' WHERE key = 'definition'"
    )


def _edited(description: str, good: bytes, statement: str) -> Corruption:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "studies.db"
        path.write_bytes(good)
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(statement)
        connection.close()
        return Corruption.of(description, path.read_bytes())
