"""Bringing the published files, by every way there is, from sets that are as published but for their size."""

import hashlib
import http.server
import io
import os
import shutil
import socket
import tempfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dl4ia.base.errors import DataError, UnavailableError
from dl4ia.data import sources
from dl4ia.data.imageset import ImageSet
from dl4ia.runs.schemas import DataSource
from dl4ia.tasks import TASKS
from dl4ia.tasks.preparation import prepare

WARWICK, MNIST = TASKS["warwick"].publication, TASKS["mnist"].publication
ZIP = WARWICK.archive
PUBLISHED = {"mnist": MNIST, "warwick": WARWICK}
NAMES = ["train_1", "train_2", "train_10", "testA_1", "testB_1"]


def bmp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="BMP")
    return buffer.getvalue()


def published_warwick() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    rows = [f"{name},{index + 1}, benign, healthy" for index, name in enumerate(NAMES)]
    files = {"Grade.csv": "\n".join(["name,patient ID, grade (GlaS), grade (2015)", *rows]).encode()}
    for name in NAMES:
        files[f"{name}.bmp"] = bmp(rng.integers(0, 255, (52, 77, 3), dtype=np.uint8))
        files[f"{name}_anno.bmp"] = bmp(rng.integers(0, 3, (52, 77), dtype=np.uint8))
    return files


def published_mnist() -> dict[str, bytes]:
    return {name: name.encode() for name in MNIST.digests}


def write_zip(path: Path, files: dict[str, bytes], folder: str = WARWICK.unpacked[0]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{folder}/{name}", content)


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    """A mirror of a small set; what counts as published is changed to it, and no network is asked."""
    warwick_files, mnist_files = published_warwick(), published_mnist()
    for publication, files in ((WARWICK, warwick_files), (MNIST, mnist_files)):
        digests = {name: hashlib.new(publication.algorithm, content).hexdigest() for name, content in files.items()}
        monkeypatch.setitem(PUBLISHED, publication.name, replace(publication, digests=digests))
    folder = tmp_path / "mirror"
    write_zip(folder / "warwick" / ZIP, warwick_files)
    (folder / "mnist").mkdir()
    for name, content in mnist_files.items():
        (folder / "mnist" / name).write_bytes(content)
    monkeypatch.setenv("DL4IA_MIRROR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def fetch(dataset: str, data: Path, source: str) -> str:
    return sources.fetch(PUBLISHED[dataset], data, source)


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("dataset", ["mnist", "warwick"])
def test_files_come_from_a_mirror_and_then_from_data(mirror, data, dataset):
    assert fetch(dataset, data, "auto") == "mirror"
    assert fetch(dataset, data, "auto") == "local"
    expected = published_mnist() if dataset == "mnist" else published_warwick()
    assert {path.name: path.read_bytes() for path in (data / dataset).iterdir()} == expected
    assert not list(data.parent.rglob(".dl4ia-*"))


@pytest.mark.parametrize("place", ["warwick", "", WARWICK.unpacked[0]])
def test_an_unpacked_folder_is_as_good_as_the_zip(mirror, data, place):
    shutil.rmtree(mirror / "warwick")
    (mirror / place).mkdir(exist_ok=True)
    for name, content in published_warwick().items():
        (mirror / place / name).write_bytes(content)
    assert fetch("warwick", data, "mirror") == "mirror"


def test_a_zip_that_was_put_into_data_is_unpacked(mirror, data):
    write_zip(data / ZIP, published_warwick())
    assert fetch("warwick", data, "local") == "local"


@pytest.fixture
def server(mirror, monkeypatch):
    """The mirror, served over HTTP."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=mirror)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        monkeypatch.setenv("DL4IA_MIRROR", f"http://127.0.0.1:{serving.server_port}")
        yield mirror
        serving.shutdown()


@pytest.mark.parametrize("dataset", ["mnist", "warwick"])
@pytest.mark.usefixtures("server")
def test_a_mirror_may_be_an_address(data, dataset):
    assert fetch(dataset, data, "mirror") == "mirror"


@pytest.mark.field("pytorch/vision#541", "downloaded files are empty")
def test_an_interrupted_download_is_resumed_with_what_is_missing(server, data):
    fetch("mnist", data, "mirror")
    kept, lost = sorted((data / "mnist").iterdir())[:2]
    lost.unlink()
    (server / "mnist" / kept.name).unlink()  # what is there is not asked for again
    assert fetch("mnist", data, "auto") == "mirror"


class LogInPage(http.server.BaseHTTPRequestHandler):
    """Answers every request with 200 and a page, as networks do that want one to log in."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>Welcome! Please accept our terms</title>")

    def log_message(self, *_) -> None: ...


@pytest.mark.field("pytorch/examples#725", "a server answers with something else than the file")
@pytest.mark.parametrize("md5_is_known", [True, False])
@pytest.mark.parametrize("dataset", ["mnist", "warwick"])
def test_a_network_that_wants_one_to_log_in_is_passed_over(mirror, data, monkeypatch, dataset, md5_is_known):
    if not md5_is_known:
        monkeypatch.setitem(PUBLISHED, dataset, replace(PUBLISHED[dataset], archive_md5=None))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), LogInPage) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_port}"
        monkeypatch.setitem(PUBLISHED, dataset, replace(PUBLISHED[dataset], addresses=lambda: [f"{address}/there/"]))
        monkeypatch.setenv("DL4IA_MIRROR", address)
        with pytest.raises(UnavailableError, match=rf"mirror: {address}.*; publisher: {address}/there/") as raised:
            fetch(dataset, data, "auto")
        serving.shutdown()
    assert "\n" not in str(raised.value)
    assert not data.exists() or not any(path.is_file() for path in data.rglob("*"))
    monkeypatch.setenv("DL4IA_MIRROR", str(mirror))
    assert fetch(dataset, data, "auto") == "mirror"


@pytest.mark.field("chidiwilliams/buzz#454", "a rename to another disk fails: the folder is a link or a mount")
@pytest.mark.parametrize("linked", ["", "warwick"])
def test_data_may_be_on_another_disk(mirror, data, tmp_path, linked):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        data.parent.mkdir(exist_ok=True)
        place = data / linked
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(other)
        assert fetch("warwick", data, "auto") == "mirror"
        assert len([*(data / "warwick").iterdir()]) == len(PUBLISHED["warwick"].digests)


def test_a_server_that_accepts_and_never_answers_is_unavailable(mirror, data, monkeypatch):
    monkeypatch.setattr(sources, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("DL4IA_MIRROR", address)
        with pytest.raises(UnavailableError, match=f"no answer from {address}/.*ReadTimeout"):
            fetch("mnist", data, "mirror")


@pytest.mark.field("pytorch/pytorch#90191", "the download hangs")
def test_an_address_that_does_not_answer_is_unavailable(mirror, data, monkeypatch):
    monkeypatch.setenv("DL4IA_MIRROR", "http://127.0.0.1:9")
    for dataset in ("mnist", "warwick"):
        with pytest.raises(UnavailableError, match="no answer from http://127.0.0.1:9/"):
            fetch(dataset, data, "mirror")
    assert not data.exists() or not any(path.is_file() for path in data.rglob("*"))


def test_a_truncated_zip_is_named_and_leaves_nothing(mirror, data):
    archive = mirror / "warwick" / ZIP
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(DataError, match=f"{ZIP} is truncated or not a zip archive"):
        fetch("warwick", data, "auto")
    assert not (data / "warwick").exists()


def test_a_zip_with_a_damaged_member_is_named_and_leaves_nothing(mirror, data):
    archive = mirror / "warwick" / ZIP
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match=ZIP):
        fetch("warwick", data, "auto")
    assert not (data / "warwick").exists()


def test_a_tampered_member_is_refused(mirror, data):
    write_zip(mirror / "warwick" / ZIP, published_warwick() | {"train_2.bmp": b"other"})
    with pytest.raises(DataError, match=r"train_2\.bmp is not the published file"):
        fetch("warwick", data, "auto")
    assert not (data / "warwick").exists()


def test_a_missing_annotation_is_named(mirror, data):
    files = published_warwick()
    del files["train_1_anno.bmp"]
    write_zip(mirror / "warwick" / ZIP, files)
    with pytest.raises(DataError, match=r"train_1_anno\.bmp is missing from the archive"):
        fetch("warwick", data, "auto")


def test_a_file_lost_from_data_is_named(mirror, data):
    fetch("warwick", data, "auto")
    (data / "warwick" / "testA_1_anno.bmp").unlink()
    with pytest.raises(DataError, match=r"testA_1_anno\.bmp is missing: restore it, or delete"):
        fetch("warwick", data, "auto")


def test_a_changed_file_in_data_is_named(mirror, data):
    fetch("mnist", data, "auto")
    path = data / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is not the published file"):
        fetch("mnist", data, "auto")


@pytest.mark.field("roboflow/trackers#477", "an archive writes outside its folder")
def test_an_archive_cannot_write_outside_its_folder(mirror, data):
    write_zip(mirror / "warwick" / ZIP, published_warwick(), folder="../../..")
    fetch("warwick", data, "auto")
    assert {path.parent for path in data.parent.rglob("train_1.bmp")} == {data / "warwick"}


def test_an_archive_that_explodes_is_refused(mirror, data, monkeypatch):
    monkeypatch.setattr(sources, "_LARGEST_MEMBER", 1000)
    with pytest.raises(DataError, match=r"would unpack to \d+ bytes"):
        fetch("warwick", data, "auto")


@pytest.mark.field("pytorch/vision#1938", "the publisher answers 403, and the download is an error for days")
def test_without_any_source_each_says_why(tmp_path, data, monkeypatch):
    monkeypatch.delenv("DL4IA_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sources.__dict__, "_publisher", lambda *_: (_ for _ in ()).throw(UnavailableError("offline")))
    with pytest.raises(UnavailableError, match=r"local: .*; mirror: DL4IA_MIRROR is not set; publisher: offline"):
        fetch("warwick", data, "auto")


def test_one_source_asked_for_is_that_source_or_an_error(tmp_path, data, monkeypatch):
    monkeypatch.delenv("DL4IA_MIRROR", raising=False)
    with pytest.raises(UnavailableError, match="mirror: DL4IA_MIRROR is not set"):
        prepare(TASKS["mnist"], data, tmp_path / "out", "mirror")
    assert not (tmp_path / "out").exists()


def test_the_stand_in_is_said_to_be_one(tmp_path, data):
    prepare(TASKS["warwick"], data, tmp_path / "out", "stand-in")
    origin = DataSource.model_validate_json((tmp_path / "out" / "warwick-source.json").read_text())
    assert origin.source == "stand-in"
    for partition, digest in origin.sha256.items():
        assert hashlib.sha256((tmp_path / "out" / f"warwick-{partition}.npz").read_bytes()).hexdigest() == digest
    assert not data.exists()


def test_files_that_torchvision_brought_are_recognised(mirror, data):
    (data / "MNIST" / "raw").mkdir(parents=True)
    for name, content in published_mnist().items():
        (data / "MNIST" / "raw" / name).write_bytes(content)
    assert fetch("mnist", data, "local") == "local"
    assert {path.name for path in (data / "mnist").iterdir()} == set(MNIST.digests)


@pytest.mark.slow
@pytest.mark.skipif("DL4IA_MIRROR" not in os.environ, reason="needs the published files: set DL4IA_MIRROR")
def test_the_published_files_become_the_sets_they_are_known_as(tmp_path, data):
    for task in TASKS.values():
        prepare(task, data, tmp_path / "out", "mirror")
    sets = {path.stem: ImageSet.load(path) for path in (tmp_path / "out").glob("*.npz")}
    assert {name: len(images) for name, images in sets.items()} == {
        "mnist-train": 60_000, "mnist-test": 10_000, "warwick-train": 85, "warwick-test": 80
    }  # fmt: skip
    assert np.bincount(sets["mnist-train"].targets)[1] == 6742
    train = sets["warwick-train"]
    patients = dict(zip(*np.unique(train.groups, return_counts=True), strict=True))
    assert patients == {
        1: 12,
        2: 16,
        3: 8,
        4: 4,
        5: 4,
        6: 4,
        7: 4,
        8: 1,
        9: 8,
        10: 15,
        11: 4,
        13: 1,
        14: 1,
        15: 1,
        16: 2,
    }
    assert [len(sets["warwick-test"].part(part)) for part in ("test_a", "test_b")] == [60, 20]
    assert train.names[0] == "train_1"
    assert train.names[-1] == "train_85"
