"""The process that works: the loop that sends, and beside it the jobs it is given.

Each job has a thread of its own, so that none of them (a long list of prices, a Twilio that does not answer) holds up sending.
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
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import models.schema  # noqa: F401 (this is a process of its own: every table must be known before a row is written)
from models.accounts import Account
from models.base import Database
from models.campaigns import Run
from sender import audience, campaigns, doubts, lanes
from sender.dispatcher import Dispatcher, wall_clock
from sender.failures import logged
from sender.gateway import Gateway

__all__ = ["Job", "Worker", "wall_clock"]

log = logging.getLogger(__name__)

TURN = 0.1
"""Seconds between two looks at what is to be done."""


@dataclass
class Job:
    """Something to be done every so often, never twice at once; a failure is logged and tried again at the next turn."""

    name: str
    every: timedelta
    action: Callable[[datetime], object]
    next_at: datetime | None = None
    running: Future[None] | None = None
    last_error: str = ""
    """The kind of error that the last turn ended with; empty after a good one."""


@dataclass
class Worker:
    """A process of ours: a dispatcher in a thread of its own, and jobs."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    public_url: str
    clock: Callable[[], datetime] = wall_clock
    concurrency: int = 16
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    jobs: list[Job] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.jobs = [
            Job("campaigns", timedelta(seconds=1), self._campaigns),
            Job("doubts", timedelta(seconds=2), self._doubts),
            *self.jobs,
        ]
        self.dispatcher = Dispatcher(
            self.database, self.gateway_for, self.public_url, self.clock, self.concurrency, self.name
        )

    def every(self, seconds: float, name: str, action: Callable[[datetime], object]) -> None:
        """Give the worker another job."""
        self.jobs.append(Job(name, timedelta(seconds=seconds), action))

    def stop(self) -> None:
        """Ask it to end after what is on the wire."""
        self.dispatcher.stop()
        self._stop.set()

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Work until `stop`, or until `until` says so between two looks."""
        with (
            ThreadPoolExecutor(1, thread_name_prefix="send") as sending,
            ThreadPoolExecutor(len(self.jobs), thread_name_prefix="job") as side,
        ):
            sent = sending.submit(self.dispatcher.run)
            while not self._stop.is_set() and not sent.done() and not (until and until()):
                started = time.monotonic()
                self._start_jobs(side)
                self._stop.wait(max(0.0, TURN - (time.monotonic() - started)))
            self.dispatcher.stop()
            sent.result()

    def drain(self) -> None:
        """Work until no campaign is sending, due or waiting to be expanded: for commands and tests."""
        self.run(until=lambda: not self._busy())

    def _busy(self) -> bool:
        try:
            with self.database.reading() as session:
                return campaigns.under_way(session, now=self.clock())
        except SQLAlchemyError:
            return True

    def _start_jobs(self, side: ThreadPoolExecutor) -> None:
        now = self.clock()
        for job in self.jobs:
            resting = job.running is None or job.running.done()
            if resting and (job.next_at is None or job.next_at <= now):
                job.next_at = now + job.every
                job.running = side.submit(self._run_job, job, now)

    def _run_job(self, job: Job, now: datetime) -> None:
        job.last_error = ""
        try:
            job.action(now)
        except Exception as error:
            job.last_error = type(error).__name__
            log.error("job %s failed: %s", job.name, job.last_error)  # noqa: TRY400 (a traceback may hold a number)

    def _campaigns(self, now: datetime) -> None:
        """Start what is due, expand one chunk of each run, move windows on, complete what is done; one failure stops no other."""
        self._step("campaigns not started", lambda session: campaigns.start_due(session, now=now))
        with self.database.reading() as session:
            waiting = [run.id for run in campaigns.unexpanded(session)]
        for run_id in waiting:
            self._step(f"run {run_id} not expanded", partial(_expand, run_id=run_id, now=now))
        self._step("windows not renewed", lambda session: lanes.renew(session, now=now))
        self._step("cancelled texts not set aside", lambda session: campaigns.set_aside(session, now=now))
        self._step("campaigns not completed", lambda session: campaigns.finish_done(session, now=now))

    def _step(self, failure: str, work: Callable[[Session], object]) -> None:
        with logged(failure), self.database.transaction() as session:
            work(session)

    def _doubts(self, _now: datetime) -> None:
        doubts.resolve(self.database.session, self.gateway_for, clock=self.clock)


def _expand(session: Session, *, run_id: int, now: datetime) -> None:
    audience.expand(session, session.get_one(Run, run_id), now=now)
