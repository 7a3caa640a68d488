"""What do the sending side's own jobs do in one turn: campaigns moved on, audiences expanded, doubts looked up?

A failure in one step or one run stops no other, and is logged by its kind alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import Run
from sender import audience, campaigns, doubts, guards, lanes, starts
from sender.failures import logged
from sender.gateway import Gateway

log = logging.getLogger(__name__)

BREATHS = (0.02, 0.5)
"""Seconds to pause after a chunk of an audience, at least and at most: half of what the chunk took, so that the loop that sends
gets at the database in between (SQLite has one writer at a time)."""


@dataclass(frozen=True)
class Rounds:
    """The jobs of a worker that concern sending; `stop` ends the long ones between two chunks."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    clock: Callable[[], datetime]
    stop: threading.Event
    chunk: int = 10_000
    """Rows of an audience in one transaction."""

    def campaigns(self, now: datetime) -> str:
        """Start what is due, move windows on, set aside what was cancelled, complete what is done."""
        started = self._step("campaigns not started", lambda session: len(starts.start_due(session, now=now)))
        moved = self._step("windows not renewed", lambda session: lanes.renew(session, now=now))
        ended = self._step("campaigns not completed", lambda session: len(campaigns.finish_done(session, now=now)))
        aside = self._step("cancelled texts not set aside", lambda session: campaigns.set_aside(session, now=now))
        while aside and not self.stop.wait(BREATHS[0]):
            aside = self._step("cancelled texts not set aside", lambda session: campaigns.set_aside(session, now=now))
        failed = [started, moved, ended, aside].count(None)
        return _said(started, "started") + (f"{failed} steps failed" if failed else "")

    def guards(self, now: datetime) -> str:
        """Pause what goes wrong."""
        paused = self._step("runs not watched", lambda session: len(guards.watch(session, now=now)))
        return _said(paused, "paused")

    def audiences(self, _now: datetime) -> str:
        """Expand every waiting run, one chunk of each after the other, so that a small one is not behind a large one."""
        rows, failed = 0, set[int]()
        while not self.stop.is_set():
            with self.database.reading() as session:
                waiting = [run.id for run in campaigns.unexpanded(session) if run.id not in failed]
            if not waiting:
                break
            for run_id in waiting:
                began = time.monotonic()
                done = self.expand(run_id)
                rows += done or 0
                failed |= {run_id} if done is None else set()
                self.stop.wait(min(max((time.monotonic() - began) / 2, BREATHS[0]), BREATHS[1]))
        return _said(rows, "rows") + (f"{len(failed)} runs failed" if failed else "")

    def doubts(self, _now: datetime) -> None:
        """Look up what may or may not have been sent."""
        doubts.resolve(self.database.session, self.gateway_for, clock=self.clock)

    def expand(self, run_id: int) -> int | None:
        """The rows of one chunk; None when it failed."""
        return self._step(
            f"run {run_id} not expanded",
            lambda session: audience.expand(session, session.get_one(Run, run_id), now=self.clock(), chunk=self.chunk),
        )

    def _step(self, failure: str, work: Callable[[Session], int]) -> int | None:
        """Do and commit one step; None when it failed."""
        with logged(failure), self.database.transaction() as session:
            return work(session)
        return None


def _said(count: int | None, what: str) -> str:
    return f"{count:,} {what} " if count else ""
