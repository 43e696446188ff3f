"""Where the published files come from: `data/`, a DVC remote, a mirror or the publisher.

Each dataset ends as a folder under `data/` whose every file has its published hash. Files arrive beside their place
and are renamed into it, so what carries a name is whole.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from dl4ia import files
from dl4ia.config import Source
from dl4ia.data import mnist, warwick
from dl4ia.errors import DataError, UnavailableError

MIRROR_VARIABLE = "DL4IA_MIRROR"
_LARGEST_MEMBER = 8 << 20  # bytes; the largest published image has 1.2 MB
_TIMEOUT = 20  # seconds without an answer


def fetch(dataset: str, data: Path, source: Source) -> str:
    """Bring `dataset` (`mnist` or `warwick`) to `data/<dataset>` and return where it came from.

    `source` is one place or `auto`: local, remote, mirror, publisher in turn. Raises UnavailableError if none has it,
    DataError if what is there is not what was published.
    """
    places: dict[str, Callable[[str, Path], None]] = {
        "local": _local, "remote": _remote, "mirror": _mirror, "publisher": _publisher
    }  # fmt: skip
    reasons = []
    for place in places if source == "auto" else [source]:
        try:
            places[place](dataset, data)
            _verify(dataset, data / dataset)
        except UnavailableError as error:
            reasons.append(f"{place}: {error}")
        else:
            return place
    raise UnavailableError(f"{dataset} is not to be had ({'; '.join(reasons)})")


def _published(dataset: str) -> tuple[dict[str, str], str]:
    """Return the digest of each file, and its algorithm."""
    return (mnist.MD5, "md5") if dataset == "mnist" else (warwick.checksums(), "sha256")


def _verify(dataset: str, folder: Path) -> None:
    """Raise DataError unless every file is there and is the published one."""
    digests, algorithm = _published(dataset)
    bar = tqdm(digests.items(), desc=f"checking {dataset}", unit="file", disable=None, leave=False)
    for name, digest in bar:
        path = folder / name
        if not path.exists():
            raise DataError(f"{path} is missing: restore it, or delete {folder} to fetch all anew")
        found = files.digest(path, algorithm)
        if found != digest:
            raise DataError(
                f"{path} is not the published file ({algorithm} {found}, expected {digest}): delete it and run again"
            )


def _local(dataset: str, data: Path) -> None:
    """Take what lies in `data/`, or the archive that somebody put there."""
    folder = data / dataset
    there = [(folder / name).exists() for name in _published(dataset)[0]]
    # MNIST arrives file by file: an interrupted download goes on. Warwick-QU arrives whole: what misses was lost.
    if all(there) or (any(there) and dataset == "warwick"):
        return
    if dataset == "mnist" or not _take_warwick(data, folder):
        raise UnavailableError(f"{folder} has none of the published files")


def _remote(_dataset: str, data: Path) -> None:
    """Pull `data.dvc` if the repository has a DVC remote."""
    pin = data.with_name(f"{data.name}.dvc")
    if not pin.exists() or shutil.which("dvc") is None:
        raise UnavailableError(f"{pin} or the dvc command is not here")
    remotes = subprocess.run(["dvc", "remote", "list"], capture_output=True, text=True, check=False)  # noqa: S607
    if not remotes.stdout.strip():
        raise UnavailableError("no DVC remote is configured")
    pulled = subprocess.run(["dvc", "pull", pin], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if pulled.returncode:
        raise UnavailableError(f"dvc pull {pin}: {' '.join(pulled.stderr.split())[-200:]}")


def _mirror(dataset: str, data: Path) -> None:
    """Take the files from the folder or URL in DL4IA_MIRROR."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        raise UnavailableError(f"{MIRROR_VARIABLE} is not set")
    if mirror.startswith(("http://", "https://")):
        if dataset == "mnist":
            _download_mnist([f"{mirror.rstrip('/')}/mnist/"], data / "mnist")
        else:
            _download_warwick(f"{mirror.rstrip('/')}/warwick/{warwick.ZIP}", None, data / "warwick")
        return
    folder = Path(mirror)
    if not folder.is_dir():
        raise DataError(f"{MIRROR_VARIABLE}={mirror} is no folder and no URL")
    if dataset == "mnist":
        _copy(folder / "mnist", mnist.MD5, data / "mnist")
    elif not _take_warwick(folder, data / "warwick"):
        raise UnavailableError(f"{folder} has neither {warwick.ZIP} nor its unpacked files")


def _publisher(dataset: str, data: Path) -> None:
    if dataset == "mnist":
        from torchvision.datasets import MNIST  # noqa: PLC0415 (seconds to import)

        _download_mnist(MNIST.mirrors, data / "mnist")
    else:
        try:
            _download_warwick(f"{warwick.PUBLISHER}/{warwick.ZIP}", warwick.ZIP_MD5, data / "warwick")
        except DataError as error:
            # The publisher's page may answer with a log-in form instead of the archive.
            raise UnavailableError(f"{error}; bring the zip by hand, see README.md") from error


def _download_mnist(bases: list[str], folder: Path) -> None:
    """Download what is missing from the first of `bases` that has it; what an earlier try brought is kept."""
    for name, digest in mnist.MD5.items():
        if not (folder / name).exists():
            _download([base + name for base in bases], f"md5:{digest}", folder / name)


def _download_warwick(url: str, md5: str | None, folder: Path) -> None:
    with _beside(folder) as aside:
        archive = aside / warwick.ZIP
        _download([url], f"md5:{md5}" if md5 else None, archive)
        _unzip(archive, folder)


def _download(urls: list[str], known_hash: str | None, path: Path) -> None:
    """Bring the first of `urls` that answers to `path`; raise UnavailableError if none does."""
    pooch.get_logger().setLevel("WARNING")  # the bar says enough
    reasons = []
    for url in urls:
        progress = tqdm(total=1, desc=path.name, unit="B", unit_scale=True, disable=None, leave=False)  # pooch sets it
        downloader = pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT)
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
        except requests.RequestException as error:
            reasons.append(f"{url}: {type(error).__name__}")
        except ValueError as error:  # pooch: the hash differs
            raise DataError(f"{url}: {' '.join(str(error).split())}") from error
        else:
            return
    raise UnavailableError("no answer from " + ", ".join(reasons))


def _take_warwick(folder: Path, target: Path) -> bool:
    """Bring the set from a zip or unpacked folder in `folder` to `target`; return whether there was one."""
    for unpacked in (
        folder / warwick.UNPACKED,
        folder / "warwick" / warwick.UNPACKED,
        folder / "warwick",
        folder,
    ):
        if unpacked != target and (unpacked / "Grade.csv").exists():
            _copy(unpacked, warwick.checksums(), target)
            return True
    for archive in (folder / "warwick" / warwick.ZIP, folder / warwick.ZIP):
        if archive.exists():
            _unzip(archive, target)
            return True
    return False


def _copy(folder: Path, digests: dict[str, str], target: Path) -> None:
    """Copy the published files of `folder` to `target`, all or none."""
    missing = [name for name in digests if not (folder / name).exists()]
    if len(missing) == len(digests):
        raise UnavailableError(f"{folder} has none of the published files")
    if missing:
        raise DataError(f"{folder / missing[0]} is missing ({len(missing)} of {len(digests)} files are)")
    with _beside(target) as aside:
        for name in tqdm(digests, desc=f"copying {target.name}", unit="file", disable=None, leave=False):
            shutil.copyfile(folder / name, aside / name)
        _install(aside, digests, target)


def _unzip(archive: Path, target: Path) -> None:
    """Unpack the published members of `archive`, and nothing else, to `target`, all or none.

    Members are found by their file name and written under it alone, so that no archive reaches outside.
    """
    digests = warwick.checksums()
    try:
        with zipfile.ZipFile(archive) as opened, _beside(target) as aside:
            members = {Path(info.filename).name: info for info in opened.infolist()}
            for name in tqdm(digests, desc=f"unpacking {archive.name}", unit="file", disable=None, leave=False):
                if name not in members:
                    raise DataError(f"{archive}: {name} is missing from the archive")
                if members[name].file_size > _LARGEST_MEMBER:
                    raise DataError(f"{archive}: {name} would unpack to {members[name].file_size} bytes")
                files.write(aside / name, opened.read(members[name]))
            _install(aside, digests, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive} is torn or no zip archive ({error}): bring it again") from error


def _install(aside: Path, digests: dict[str, str], target: Path) -> None:
    """Check the files in `aside`, then move them to `target`."""
    _verify("mnist" if digests is mnist.MD5 else "warwick", aside)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        return
    for name in digests:
        (aside / name).replace(target / name)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a new folder on the same disk as `target`, gone afterwards."""
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=".dl4ia-") as folder:
        new = Path(folder) / target.name
        new.mkdir()
        yield new
