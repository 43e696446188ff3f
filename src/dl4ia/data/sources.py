"""Where published files come from: `data/`, a mirror or the publisher.

Each dataset ends as a folder under `data/` whose every file has its published hash. Files arrive in a temporary folder
and are renamed into place, so a file that has its name is complete.
"""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError, UnavailableError
from dl4ia.data.publication import Publication, Source

MIRROR_VARIABLE = "DL4IA_MIRROR"
_LARGEST_MEMBER = 8 << 20  # bytes; the largest published image has 1.2 MB
_TIMEOUT = 20  # seconds without an answer


def fetch(publication: Publication, data: Path, source: Source) -> str:
    """Bring the files to `data/<name>` and return which source had them.

    `source` is one place or `auto`: local, mirror, publisher in turn. Raises UnavailableError if none has them,
    DataError if there are files that are not the published ones.
    """
    places: dict[str, Callable[[Publication, Path], None]] = {
        "local": _local, "mirror": _mirror, "publisher": _publisher
    }  # fmt: skip
    reasons = []
    for place in places if source == "auto" else [source]:
        try:
            places[place](publication, data)
            _verify(publication, data / publication.name)
        except UnavailableError as error:
            reasons.append(f"{place}: {error}")
        else:
            return place
    raise UnavailableError(f"{publication.name} is not available ({'; '.join(reasons)})")


def _verify(publication: Publication, folder: Path, origin: Path | None = None) -> None:
    """Raise DataError, which names `origin`, unless every file is in the folder and is the published one.

    `origin` is the folder or archive that the files were taken from; by default they were there.
    """
    bar = tqdm(publication.digests.items(), f"checking {publication.name}", unit="file", disable=None, leave=False)
    for name, expected in bar:
        path = folder / name
        if not path.exists():
            raise DataError(f"{path} is missing: restore it, or delete {folder} to fetch all files again")
        digest = atomic_files.digest(path, publication.algorithm)
        if digest != expected:
            culprit = path if origin is None else origin / name if origin.is_dir() else f"{origin}: {name}"
            remedy = "delete it and run again" if origin is None else "replace it and run again"
            raise DataError(
                f"{culprit} is not the published file ({publication.algorithm} {digest}, expected {expected}): {remedy}"
            )


def _local(publication: Publication, data: Path) -> None:
    """Take the files in `data/`, or the archive or folder that somebody put there."""
    folder = data / publication.name
    present = [(folder / name).exists() for name in publication.digests]
    # Files published one by one: a download is resumed. An archive arrives whole: what is missing was lost.
    if all(present) or (any(present) and publication.archive):
        return
    if not _take(publication, data, folder):
        raise UnavailableError(f"{folder} has none of the published files")


def _mirror(publication: Publication, data: Path) -> None:
    """Take the files from the folder or URL in DL4IA_MIRROR."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        raise UnavailableError(f"{MIRROR_VARIABLE} is not set")
    if mirror.startswith(("http://", "https://")):
        _download(publication, [f"{mirror.rstrip('/')}/{publication.name}/"], None, data / publication.name)
        return
    if not Path(mirror).is_dir():
        raise DataError(f"{MIRROR_VARIABLE}={mirror} is neither a folder nor a URL")
    if not _take(publication, Path(mirror), data / publication.name):
        archive = f", nor {publication.archive}" if publication.archive else ""
        raise UnavailableError(f"{mirror} has none of the published files of {publication.name}{archive}")


def _publisher(publication: Publication, data: Path) -> None:
    try:
        _download(publication, publication.addresses(), publication.archive_md5, data / publication.name)
    except UnavailableError as error:
        if publication.archive is None:
            raise
        raise UnavailableError(f"{error}; download the zip in a browser, see docs/data.md") from error


def _download(publication: Publication, bases: Sequence[str], archive_md5: str | None, folder: Path) -> None:
    """Download the archive, or the files that are missing; those of an earlier attempt are kept.

    What is not as published was not available there: the network's log-in page may have answered instead.
    """
    if publication.archive:
        with _temporary(folder) as aside:
            archive = aside / publication.archive
            known = f"md5:{archive_md5}" if archive_md5 else None
            _retrieve([base + publication.archive for base in bases], known, archive)
            try:
                _unzip(publication, archive, folder)
            except DataError as error:
                raise UnavailableError(f"{', '.join(bases)}: {str(error).replace(f'{aside}/', '')}") from error
        return
    for name, digest in publication.digests.items():
        if not (folder / name).exists():
            _retrieve([base + name for base in bases], f"{publication.algorithm}:{digest}", folder / name)


def _retrieve(urls: Sequence[str], known_hash: str | None, path: Path) -> None:
    """Bring the first of `urls` that answers to `path`; raise UnavailableError if none does."""
    pooch.get_logger().setLevel("WARNING")  # the bar says enough
    reasons = []
    for url in urls:
        progress = tqdm(total=1, desc=path.name, unit="B", unit_scale=True, disable=None, leave=False)  # pooch sets it
        downloader = pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT)
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
        except requests.RequestException as error:
            reasons.append(f"no answer from {url}: {type(error).__name__}")
        except ValueError:  # pooch: the hash differs
            reasons.append(f"{url} is not the published file")
        else:
            return
    raise UnavailableError(", ".join(reasons))


def _take(publication: Publication, folder: Path, target: Path) -> bool:
    """Bring the files from a folder or zip in `folder` to `target`; return whether there was one."""
    for place in (folder / publication.name, folder):
        for unpacked in (*(place / name for name in publication.unpacked), place):
            if unpacked != target and any((unpacked / name).exists() for name in publication.digests):
                _copy(publication, unpacked, target)
                return True
    for place in (folder / publication.name, folder):
        if publication.archive and (place / publication.archive).exists():
            _unzip(publication, place / publication.archive, target)
            return True
    return False


def _copy(publication: Publication, folder: Path, target: Path) -> None:
    """Copy the published files of `folder` to `target`, all or none."""
    missing = [name for name in publication.digests if not (folder / name).exists()]
    if missing:
        raise DataError(f"{folder / missing[0]} is missing ({len(missing)} of {len(publication.digests)} files are)")
    with _temporary(target) as aside:
        for name in tqdm(publication.digests, f"copying {target.name}", unit="file", disable=None, leave=False):
            shutil.copyfile(folder / name, aside / name)
        _install(publication, aside, target, folder)


def _unzip(publication: Publication, archive: Path, target: Path) -> None:
    """Unpack the published members of `archive`, and nothing else, to `target`, all or none.

    Members are identified by their file name and written under it alone, so that no archive reaches outside.
    """
    try:
        with zipfile.ZipFile(archive) as opened, _temporary(target) as aside:
            members = {Path(info.filename).name: info for info in opened.infolist()}
            for name in tqdm(publication.digests, f"unpacking {archive.name}", unit="file", disable=None, leave=False):
                if name not in members:
                    raise DataError(f"{archive}: {name} is missing from the archive")
                if members[name].file_size > _LARGEST_MEMBER:
                    raise DataError(f"{archive}: {name} would unpack to {members[name].file_size} bytes")
                atomic_files.write(aside / name, opened.read(members[name]))
            _install(publication, aside, target, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive} is truncated or not a zip archive ({error}): replace it") from error


def _install(publication: Publication, aside: Path, target: Path, origin: Path) -> None:
    """Check the files in `aside`, which were taken from `origin`, then move them to `target`."""
    _verify(publication, aside, origin)
    if not target.exists():
        aside.rename(target.resolve())
        return
    for name in publication.digests:
        (aside / name).replace(target / name)


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Yield a new folder on the same disk as `target`, which may be a link or a mounted disk; gone afterwards."""
    place = target.resolve()
    if not place.is_dir():
        place = place.parent
        place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".dl4ia-") as folder:
        new = Path(folder) / target.name
        new.mkdir()
        yield new
