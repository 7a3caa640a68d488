"""Whose turn is it? A job comes round every so often or when a person asks, and runs in one process of all at a time.

The rows are the truth, whoever looks at them: a turn is taken by a lease that its holder renews, and the lease of a process that
died runs out, so that the next one goes on. The number of the turn is its token: who has lost it changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models.jobs import Job

LEASE = timedelta(seconds=5)
"""How long a turn belongs to its holder without being renewed."""
RETRY = timedelta(seconds=10)
"""The longest first wait after a failure; each further failure in a row doubles it."""
PATIENCE = timedelta(minutes=1)
"""The longest wait after failures, for a job that comes round more often than that."""


@dataclass(frozen=True)
class Kind:
    """A job that the house knows: its name, what it does, and how often when nobody says otherwise."""

    name: str
    title: str
    every: timedelta


def _kind(name: str, seconds: int, title: str) -> Kind:
    return Kind(name, title, timedelta(seconds=seconds))


KINDS: tuple[Kind, ...] = (
    _kind("campaigns", 1, "Starts what is due, moves sending hours on, completes what is done."),
    _kind("audiences", 1, "Turns the audiences of started runs into messages."),
    _kind("guards", 1, "Stops campaigns whose texts meet a wall of errors."),
    _kind("budgets", 1, "Gives campaigns with a budget leave to go on, and stops them when it is spent."),
    _kind("doubts", 2, "Looks up at Twilio what may or may not have been sent."),
    _kind("opt-ins", 2, "Brings requests to opt in up to date with their texts and the clock."),
    _kind("rollups", 2, "Adds up the daily figures."),
    _kind("reports", 5, "Writes the report of each finished run, and what else people must be told."),
    _kind("mail", 5, "Mails what people must be told."),
    _kind("prices", 600, "Asks Twilio for prices and statuses that are not known yet."),
    _kind("charges", 600, "Prices what was sent, and charges anew what changed."),
    _kind("usage", 3600, "Fetches Twilio's own daily totals, to compare ours with."),
    _kind("retention", 86_400, "Lets go the words and numbers of texts that are past their account's period."),
    _kind("placing", 2, "Gives senders and jobs to the workers; without it each worker does everything."),
)
"""Every job of ours, in the order of the page that shows them."""
TITLES = {kind.name: kind.title for kind in KINDS}


def register(session: Session, periods: Mapping[str, timedelta], *, now: datetime) -> None:
    """Make a row for each job that has none, due at once, and write down how often it comes round. The caller commits."""
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    for name, every in sorted(periods.items()):
        seconds = -(-every // timedelta(seconds=1))  # a part of a second counts as one
        row = insert(Job).values(
            name=name,
            every_seconds=seconds,
            next_at=now,
            requested_by="",
            turns=0,
            failures=0,
            last_error="",
            result="",
        )
        session.execute(row.on_conflict_do_nothing())
        session.execute(_changing(Job.name == name, Job.every_seconds != seconds).values(every_seconds=seconds))


def due(session: Session, *, now: datetime, mine: Collection[str] | None = None) -> set[str]:
    """The jobs that may be started now: those of `mine` (None: all) whose time has come, and whatever a person asked for."""
    jobs = session.execute(_facts())
    return {job.name for job in jobs if (mine is None or job.name in mine or job.requested_at) and _may_start(job, now)}


def take(session: Session, name: str, *, worker: str, now: datetime, lease: timedelta = LEASE) -> int | None:
    """Start a job if it is due and nobody is at it: the number of the turn, or None. The caller commits.

    Two processes that try at once: the second finds the number moved on.
    """
    job = session.execute(_facts().where(Job.name == name)).one_or_none()
    if job is None or not _may_start(job, now):
        return None
    lost = {"last_error": "WorkerLost", "last_error_at": now} if job.worker is not None else {}
    return session.scalar(
        _changing(Job.name == name, Job.turns == job.turns, Job.lease_until.is_not_distinct_from(job.lease_until))
        .values(worker=worker, lease_until=now + lease, started_at=now, turns=job.turns + 1, **lost)
        .values(requested_at=None, requested_by="")
        .returning(Job.turns)
    )


def renew(session: Session, held: Mapping[str, int], *, now: datetime, lease: timedelta = LEASE) -> None:
    """Keep the turns that are still going on (name → number); one that was lost stays lost."""
    for name, turn in sorted(held.items()):
        session.execute(_of(name, turn).values(lease_until=now + lease))


def done(session: Session, name: str, *, turn: int, now: datetime, every: timedelta, result: str = "") -> bool:
    """End a turn well; False when it was lost meanwhile. The next is due one period after the start of this one."""
    return _end(session, name, turn, now=now, wait=every, failures=0, result=result)


def failed(session: Session, name: str, *, turn: int, now: datetime, every: timedelta, error: str) -> bool:
    """End a turn with the kind of its error (never its text); False when it was lost meanwhile.

    The waits double from the period (at most `RETRY`) up to the period, or to `PATIENCE` where that is longer.
    """
    failures = 1 + (session.scalar(select(Job.failures).where(Job.name == name)) or 0)
    wait = min(min(every, RETRY) * 2 ** min(failures - 1, 20), max(every, PATIENCE))
    return _end(session, name, turn, now=now, wait=wait, failures=failures, last_error=error, last_error_at=now)


def request(session: Session, name: str, *, actor: str, now: datetime) -> bool:
    """Ask for a job to run at once, or as soon as the present turn is over; False for one that nobody knows."""
    if session.get(Job, name) is None:  # no worker was ever there
        register(session, {kind.name: kind.every for kind in KINDS if kind.name == name}, now=now)
    asked = _changing(Job.name == name).values(requested_at=now, requested_by=actor)
    return session.scalar(asked.returning(Job.turns)) is not None


def free(session: Session, *, workers: Iterable[str] | None = None) -> None:
    """Take every turn back from processes known to be dead (all of them when not named), without waiting for the leases."""
    whose = Job.worker.is_not(None) if workers is None else Job.worker.in_(list(workers))
    session.execute(_changing(whose).values(worker=None, lease_until=None))


def _facts() -> Select[str, int, datetime, datetime | None, str | None, datetime | None, int]:
    return select(Job.name, Job.every_seconds, Job.next_at, Job.requested_at, Job.worker, Job.lease_until, Job.turns)


def _may_start(job: Any, now: datetime) -> bool:
    """Due or asked for, and free. A time farther off than we ever set one comes from a clock that was set back since."""
    if job.lease_until is not None and now < job.lease_until <= now + LEASE * 2:
        return False
    farthest = now + max(timedelta(seconds=job.every_seconds), PATIENCE)
    return job.requested_at is not None or not now < job.next_at <= farthest


def _changing(*which: ColumnElement[bool]) -> Update:
    return update(Job).where(*which).execution_options(synchronize_session=False)


def _of(name: str, turn: int) -> Update:
    return _changing(Job.name == name, Job.turns == turn, Job.worker.is_not(None))


def _end(session: Session, name: str, turn: int, *, now: datetime, wait: timedelta, **facts: object) -> bool:
    started = session.scalar(select(Job.started_at).where(Job.name == name)) or now
    ended = {"worker": None, "lease_until": None, "finished_at": now, "next_at": max(now, started + wait)}
    return session.scalar(_of(name, turn).values(**ended, **facts).returning(Job.turns)) is not None
