"""A dataset as its publisher offers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["auto", "local", "mirror", "publisher", "stand-in"]


@dataclass(frozen=True)
class Publication:
    """A dataset as it is published: the digest of each file by name, and where the files are.

    They are published one by one, or in a zip `archive` of which `archive_md5` is known. `addresses` returns the
    publisher's folders, `unpacked` names the folders in which people have the files.
    """

    name: str
    digests: Mapping[str, str]
    algorithm: str
    addresses: Callable[[], Sequence[str]]
    unpacked: tuple[str, ...] = ()
    archive: str | None = None
    archive_md5: str | None = None
