"""A run is there once, whoever else publishes it at the same time: two working copies on one database."""

import pytest

from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow import connect
from tests.tracking.contents import contents_of
from tests.tracking.samples import finished, model, running


@pytest.fixture
def address(tmp_path, empty, monkeypatch):
    database = tmp_path / "shared.db"
    database.write_bytes(empty.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    return f"sqlite:///{database}"


@pytest.fixture
def places(tmp_path, address):
    """Trackers of two working copies whose files are in one place."""
    trackers = [connect(Layout(tmp_path / name)) for name in ("one", "two")]
    trackers[1]._experiments._artifacts = trackers[0]._experiments._artifacts
    return trackers


@pytest.fixture
def expected(places, address):
    """What is there when one of them has published alone."""
    places[0].update(record())
    contents = contents_of(address)
    places[0]._identity.delete(places[0]._find(record()))
    for name in ("_ids", "_sent", "_searched"):
        getattr(places[0], name).clear()
    return contents


def record():
    return finished(0.9, 0.5, files={"table.csv": b"a,b\n"}, model=model())


@pytest.mark.slow
@pytest.mark.parametrize("write", ["_describe", "_send_metrics", "_send_files"])
@pytest.mark.parametrize("how_far", ["before", "after"])
def test_one_that_is_overtaken_anywhere_leaves_the_run_of_the_other(
    places, address, expected, monkeypatch, write, how_far
):
    slow, fast = places
    original = getattr(slow, write)

    def overtaken(*arguments):
        monkeypatch.setattr(slow, write, original)
        if how_far == "after":
            original(*arguments)
        fast.update(record())
        if how_far == "before":
            original(*arguments)

    monkeypatch.setattr(slow, write, overtaken)
    slow.update(record())
    assert contents_of(address) == expected


def test_two_that_complete_it_at_the_same_time_leave_one(places, address, expected, monkeypatch):
    one, two = places
    settle = one._identity.settle
    two._search(record().group)  # before there was anything
    monkeypatch.setattr(two._identity, "find", lambda *_: None)

    def later(*arguments):
        two.update(record())
        return settle(*arguments)

    monkeypatch.setattr(one._identity, "settle", later)
    one.update(record())
    assert contents_of(address) == expected
    assert one._ids == two._ids


def test_what_another_place_is_sending_is_not_written_to(places, address):
    one, two = places
    one.update(running(0.9))
    two.update(running(0.9, 0.5))
    states = [entry for entry in contents_of(address).elements() if entry[1] == "status"]
    assert len(states) == 2
    two.update(record())
    assert [entry for entry in contents_of(address).elements() if entry[1] == "status"] == [
        ("fc/seed-0", "status", "FINISHED")
    ]


def test_what_one_place_has_left_incomplete_another_replaces(places, address, expected):
    one, two = places
    one.update(running(0.9))
    two.update(record())
    assert contents_of(address) == expected


def test_a_write_that_fails_for_another_reason_is_no_reason_to_try_again(places, monkeypatch):
    one, _ = places
    attempts = []

    def fails(*_):
        attempts.append(1)
        raise RuntimeError("disk full")

    monkeypatch.setattr(one, "_send_files", fails)
    with pytest.raises(Exception, match="disk full"):
        one.update(record())
    assert len(attempts) == 1
