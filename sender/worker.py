"""The process that sends: one loop that claims, posts on a few threads, records, and runs the jobs it is given.

It stops cleanly (claims not yet on the wire go back) and may be killed at any line: see `sender/dispatch.py`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from sender import audience, campaigns, dispatch, doubts, lanes
from sender.dispatch import Claim, Outcome, Result
from sender.gateway import Gateway

log = logging.getLogger(__name__)

CYCLE = 0.1
"""Seconds between two claims when the senders' rates decide how much may leave."""
BUSY_CYCLE = 0.02
"""Seconds between two claims when only our own threads do."""


def wall_clock() -> datetime:
    """The time now, aware UTC: the clock of every process of ours."""
    return datetime.now(UTC)


@dataclass
class Job:
    """Something to be done every so often; a failure is logged and tried again at the next turn."""

    name: str
    every: timedelta
    action: Callable[[datetime], object]
    next_at: datetime | None = None
    last_error: str = ""


@dataclass
class Worker:
    """A sending process. `gateway_for` gives each thread the gateway of an account."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    public_url: str
    clock: Callable[[], datetime] = wall_clock
    concurrency: int = 16
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    jobs: list[Job] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _gateways: dict[int, Gateway] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobs = [
            Job("campaigns", timedelta(seconds=1), self._campaigns),
            Job("doubts", timedelta(seconds=2), self._doubts),
            *self.jobs,
        ]

    def every(self, seconds: float, name: str, action: Callable[[datetime], object]) -> None:
        """Give the worker another job."""
        self.jobs.append(Job(name, timedelta(seconds=seconds), action))

    def stop(self) -> None:
        """Ask the loop to end after what is on the wire."""
        self._stop.set()

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Work until `stop`, or until `until` says so between two cycles."""
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="post") as pool:
            flying: set[Future[Outcome]] = set()
            while not self._stop.is_set() and not (until and until()):
                started = time.monotonic()
                flying, full = self._cycle(pool, flying)
                self._run_jobs()
                pause = BUSY_CYCLE if full else CYCLE
                self._stop.wait(max(0.0, pause - (time.monotonic() - started)))
            self._record([future.result() for future in flying])

    def drain(self) -> None:
        """Work until nothing is pending, claimed or in doubt and no run waits to be expanded: for commands and tests."""
        self.run(until=lambda: not self._busy())

    def _busy(self) -> bool:
        with self.database.reading() as session:
            return campaigns.under_way(session)

    def _cycle(self, pool: ThreadPoolExecutor, flying: set[Future[Outcome]]) -> tuple[set[Future[Outcome]], bool]:
        """Record what has landed, claim what fits, put it on the wire; returns what is in the air, and whether no more fits."""
        landed = {future for future in flying if future.done()}
        self._record([future.result() for future in landed])
        flying -= landed
        claims: list[Claim] = []
        room = self.concurrency * 2 - len(flying)
        if room > 0:
            now = self.clock()
            began = time.monotonic()
            with self.database.session() as session:
                claims = dispatch.claim(session, worker=self.name, now=now, limit=room)
                gateways = {claim.account_id: self._gateway(session, claim.account_id) for claim in claims}
            for claim in claims:
                due = began + (claim.slot - now).total_seconds()
                flying.add(pool.submit(self._post, gateways[claim.account_id], claim, began, due))
        return flying, len(claims) >= room

    def _gateway(self, session: Session, account_id: int) -> Gateway:
        if account_id not in self._gateways:
            self._gateways[account_id] = self.gateway_for(session.get_one(Account, account_id))
        return self._gateways[account_id]

    def _post(self, gateway: Gateway, claim: Claim, began: float, due: float) -> Outcome:
        """Wait for the claim's slot, then send; too late or stopping means the row goes back unsent."""
        self._stop.wait(max(0.0, due - time.monotonic()))
        if self._stop.is_set() or time.monotonic() - began > claim.leave_within.total_seconds():
            return Outcome(claim, Result.UNSENT)
        try:
            return dispatch.post(gateway, claim, public_url=self.public_url)
        except Exception as error:
            log.error("message %s attempt %s: %s", claim.message_id, claim.attempt, type(error).__name__)  # noqa: TRY400
            return Outcome(claim, Result.IN_DOUBT)

    def _record(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        try:
            self._write(outcomes)
        except IntegrityError:  # one row in conflict must not lose the others
            for outcome in outcomes:
                with _logged(f"message {outcome.claim.message_id}: outcome not recorded"):
                    self._write([outcome])

    def _write(self, outcomes: list[Outcome]) -> None:
        with self.database.session() as session:
            dispatch.record(session, outcomes, now=self.clock())

    def _run_jobs(self) -> None:
        now = self.clock()
        for job in self.jobs:
            if job.next_at is None or job.next_at <= now:
                job.next_at = now + job.every
                with _logged(f"job {job.name} failed"):
                    job.action(now)

    def _campaigns(self, now: datetime) -> None:
        """Start what is due, expand one chunk of each run, move windows on, complete what is done."""
        with self.database.transaction() as session:
            campaigns.start_due(session, now=now)
        with self.database.transaction() as session:
            for run in campaigns.unexpanded(session):
                audience.expand(session, run, now=now)
        with self.database.transaction() as session:
            lanes.renew(session, now=now)
            campaigns.finish_done(session, now=now)

    def _doubts(self, _now: datetime) -> None:
        doubts.resolve(self.database.session, self.gateway_for, clock=self.clock)


@contextmanager
def _logged(sentence: str) -> Iterator[None]:
    """Log a failure without its parameters, which may hold numbers and bodies, and go on."""
    try:
        yield
    except Exception as error:
        log.error("%s: %s", sentence, type(error).__name__)  # noqa: TRY400 (a traceback may hold a number)
