"""The process that works: the loop that sends, and beside it the jobs whose turn it takes.

Each job has a thread of its own, so that none of them (a long list of prices, a Twilio that does not answer) holds up sending.
Any number of workers share the jobs through `sender/turns.py`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

import models.schema  # noqa: F401 (this is a process of its own: every table must be known before a row is written)
from models.accounts import Account
from models.base import Database
from sender import campaigns, presence, turns
from sender.dispatcher import Dispatcher, wall_clock
from sender.failures import logged
from sender.gateway import Gateway
from sender.places import Places
from sender.restored import Watch
from sender.rounds import Rounds

__all__ = ["Job", "Worker", "wall_clock"]

log = logging.getLogger(__name__)

TURN = 0.1
"""Seconds between two looks at whether to stop."""
LOOK = 0.25
"""Seconds between two looks at which jobs are due."""


@dataclass
class Job:
    """Something to be done every so often, by one process at a time; it may say in a few words what it did."""

    name: str
    every: timedelta
    action: Callable[[datetime], object]
    running: Future[None] | None = None


@dataclass
class Worker:
    """A process of ours: a dispatcher in a thread of its own, and jobs."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    public_url: str
    clock: Callable[[], datetime] = wall_clock
    concurrency: int = 100
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    jobs: list[Job] = field(default_factory=list)
    version: str = ""
    places: Places | None = None
    """What it is given by somebody who places senders and jobs; without it, it does everything."""
    watch: Watch | None = None
    """What notices that a backup of the database was restored; without it, nobody does."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _held: dict[str, int] = field(default_factory=dict)
    """The turns under way in this process, by job."""
    _arrived: bool = False

    def __post_init__(self) -> None:
        rounds = Rounds(self.database, self.gateway_for, self.clock, self._stop)
        self.jobs = [
            Job("campaigns", timedelta(seconds=1), rounds.campaigns),
            Job("guards", timedelta(seconds=0.5), rounds.guards),
            Job("audiences", timedelta(seconds=1), rounds.audiences),
            Job("doubts", timedelta(seconds=2), rounds.doubts),
            *self.jobs,
        ]
        self.dispatcher = Dispatcher(
            self.database, self.gateway_for, self.public_url, self.clock, self.concurrency, self.name, self.senders
        )  # fmt: skip
        if self.watch:
            self.dispatcher.looking, self.dispatcher.leaving = self.watch.before, self.watch.after

    def senders(self) -> set[int] | None:
        """The senders it may claim for now; None: every one."""
        return self.places.senders() if self.places else None

    def every(self, seconds: float, name: str, action: Callable[[datetime], object]) -> None:
        """Give the worker another job."""
        self.jobs.append(Job(name, timedelta(seconds=seconds), action))

    def stop(self) -> None:
        """Ask it to end after what is on the wire."""
        self.dispatcher.stop()
        self._stop.set()

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Work until `stop`, or until `until` says so between two looks."""
        look_at = beat_at = 0.0
        with (
            ThreadPoolExecutor(1, thread_name_prefix="send") as sending,
            ThreadPoolExecutor(len(self.jobs), thread_name_prefix="job") as side,
        ):
            sent = sending.submit(self.dispatcher.run)
            while not self._stop.is_set() and not sent.done() and not (until and until()):
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + presence.BEAT.total_seconds()
                    with logged("no sign of life"):
                        self._beat()
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + LOOK
                    with logged("no job started"):
                        self._start_jobs(side)
                self._stop.wait(TURN)
            self.stop()
            sent.result()
        with logged("not signed off"), self.database.transaction() as session:
            presence.leave(session, self.name, now=self.clock())

    def drain(self) -> None:
        """Work until no campaign is sending, due or waiting to be expanded: for commands and tests."""
        self.run(until=lambda: not self._busy())

    def _busy(self) -> bool:
        try:
            with self.database.reading() as session:
                return campaigns.under_way(session, now=self.clock())
        except SQLAlchemyError:
            return True

    def _beat(self) -> None:
        """Say that we are there, keep the turns under way, and see who else is there."""
        now, everyone = self.clock(), self.senders() is None
        with self.database.transaction() as session:
            if not self._arrived:
                presence.arrive(session, self.name, now=now, version=self.version, all_senders=everyone)
                turns.register(session, {job.name: job.every for job in self.jobs}, now=now)
            presence.seen(session, self.name, now=now, all_senders=everyone)
            turns.renew(session, dict(self._held), now=now)
        self._arrived = True
        if self.places:
            with self.database.reading() as session:
                self.places.look(session, now=now)

    def _start_jobs(self, side: ThreadPoolExecutor) -> None:
        now, mine = self.clock(), self.places.jobs() if self.places else None
        with self.database.reading() as session:
            due = turns.due(session, now=now, mine=mine)
        for job in self.jobs:
            resting = job.running is None or job.running.done()
            if resting and job.name in due:
                job.running = side.submit(self._run_job, job, now)

    def _run_job(self, job: Job, now: datetime) -> None:
        """One turn, if nobody else took it meanwhile."""
        with logged(f"job {job.name}: turn not taken"):
            with self.database.transaction() as session:
                turn = turns.take(session, job.name, worker=self.name, now=now)
            if turn is not None:
                self._held[job.name] = turn
                try:
                    self._work(job, turn, now)
                finally:
                    del self._held[job.name]

    def _work(self, job: Job, turn: int, now: datetime) -> None:
        failure, result = "", None
        try:
            result = job.action(now)
        except Exception as error:
            failure = type(error).__name__
            log.error("job %s failed: %s", job.name, failure)  # noqa: TRY400 (a traceback may hold a number)
        with self.database.transaction() as session:
            if failure:
                turns.failed(session, job.name, turn=turn, now=self.clock(), every=job.every, error=failure)
            else:
                said = result.strip() if isinstance(result, str) else ""
                turns.done(session, job.name, turn=turn, now=self.clock(), every=job.every, result=said)
