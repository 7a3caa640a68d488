"""What time is it, for all workers alike? The database's, so that leases and slots mean the same on every host.

On SQLite there is one host, and its own clock serves. On PostgreSQL the difference to the server's clock is measured now and
then and added: a question to the server for each look at the clock would be a round trip.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from models.base import Database

MEASURE_EVERY = 30.0
"""Seconds; a computer's clock drifts by less than a millisecond in that time."""


def wall_clock() -> datetime:
    """The time now, aware UTC: the clock of every process of ours."""
    return datetime.now(UTC)


@dataclass
class DatabaseClock:
    """Call it for the time. While the database does not answer, the last known difference holds."""

    database: Database
    wall: Callable[[], datetime] = wall_clock
    ahead: timedelta = timedelta(0)
    """How far the database's clock is ahead of this host's."""
    _measured: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        """The time now, aware UTC, as the database has it."""
        if self.database.dialect == "postgresql" and self._is_due():
            self._measure()
        return self.wall() + self.ahead

    def _is_due(self) -> bool:
        with self._lock:  # one thread measures, the others go on
            due = self._measured is None or time.monotonic() - self._measured > MEASURE_EVERY
            self._measured = time.monotonic() if due else self._measured
            return due

    def _measure(self) -> None:
        try:
            with self.database.reading() as session:
                session.execute(select(1))  # the connection is made before the clock is looked at
                before = self.wall()
                theirs = session.scalar(select(func.clock_timestamp()))
                after = self.wall()
        except SQLAlchemyError:
            return
        if theirs is not None:
            self.ahead = theirs - (before + (after - before) / 2)
