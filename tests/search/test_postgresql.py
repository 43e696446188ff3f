"""Studies in a PostgreSQL database, which several machines can share."""

import pytest
from sqlalchemy.exc import OperationalError

from dl4ia.search import locks
from dl4ia.search.locks import exclusive_lock
from tests.search.conftest import small
from tests.search.postgresql import server
from tests.search.test_processes import assert_working_copies_do_not_repeat_a_trial

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def url():
    with server() as address:
        yield address


def test_a_study_is_run_and_extended(grid, search, url):
    search(small(grid, trials=1), url=url)
    assert search(small(grid, trials=2), url=url).table("trials")["state"].tolist() == ["complete"] * 2


def test_working_copies_that_share_a_database_do_not_repeat_a_trial(grid, tmp_path, url):
    assert_working_copies_do_not_repeat_a_trial(grid, tmp_path, url, "shared")


def test_the_lock_is_held_by_one_at_a_time_and_released(url, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", 1)
    for _ in range(2):
        with exclusive_lock(url), pytest.raises(OperationalError, match="lock timeout"), exclusive_lock(url):
            pass
