"""One time for all workers: the database's, on whatever host they run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.base import Database, connect
from sender.clocks import DatabaseClock, wall_clock


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(0)])
def test_a_host_whose_clock_is_wrong(database: Database, wrong: timedelta) -> None:
    """On PostgreSQL its clock is put right by the server's; on SQLite there is no other host to agree with."""
    clock = DatabaseClock(database, wall=lambda: wall_clock() + wrong)
    shown, true = clock(), wall_clock()
    expected = true + wrong if database.dialect == "sqlite" else true
    assert abs(shown - expected) < timedelta(seconds=0.5)
    assert shown.tzinfo is UTC


def test_a_database_that_does_not_answer() -> None:
    """The host's own clock goes on; whoever asks for the time must not fail for it."""
    nowhere = connect("postgresql://nobody@127.0.0.1:9/none")
    shown = DatabaseClock(nowhere)()
    assert isinstance(shown, datetime)
    assert abs(shown - wall_clock()) < timedelta(seconds=2)
