"""One process at a time takes a job's turn, once a period; a dead one's lease runs out; failures wait longer each time."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.base import Database
from models.jobs import Job
from sender import presence, turns

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def job(session: Session, now: datetime) -> Job:
    """A job that comes round once a minute, due now."""
    turns.register(session, {"sweep": MINUTE}, now=now)
    session.commit()
    return session.get_one(Job, "sweep")


def started(session: Session, now: datetime, *, worker: str = "here:1") -> int | None:
    """Take the turn of the job."""
    return turns.take(session, "sweep", worker=worker, now=now)


def row(session: Session) -> Job:
    """The job as it is written down."""
    return session.get_one(Job, "sweep", populate_existing=True)


def test_a_turn_from_begin_to_end(session: Session, job: Job, now: datetime) -> None:
    """It is due at once, taken once, and due again a period after it began."""
    assert turns.due(session, now=now) == turns.due(session, now=now, mine={"sweep"}) == {"sweep"}
    assert turns.due(session, now=now, mine={"other"}) == set()
    turn = started(session, now)
    assert turn == 1
    assert started(session, now, worker="here:2") is None
    assert turns.due(session, now=now) == set()
    assert turns.done(session, "sweep", turn=1, now=now + 3 * SECOND, every=MINUTE, result="3 rows")
    found = row(session)
    assert (found.worker, found.lease_until, found.result, found.failures) == (None, None, "3 rows", 0)
    assert (found.started_at, found.finished_at, found.next_at) == (now, now + 3 * SECOND, now + MINUTE)
    assert [bool(turns.due(session, now=at)) for at in (now + MINUTE - TICK, now + MINUTE)] == [False, True]


def test_a_turn_longer_than_its_period(session: Session, job: Job, now: datetime) -> None:
    """The next one is due as soon as this one ends, not in the past."""
    started(session, now)
    turns.done(session, "sweep", turn=1, now=now + 2 * MINUTE, every=MINUTE)
    assert row(session).next_at == now + 2 * MINUTE


def test_registering_again_keeps_what_is_known(session: Session, job: Job, now: datetime) -> None:
    """A restart neither makes a job due nor forgets its turns; only its period is written anew."""
    started(session, now)
    turns.done(session, "sweep", turn=1, now=now, every=MINUTE)
    turns.register(session, {"sweep": 90 * MINUTE, "other": SECOND / 4}, now=now + SECOND)
    found = row(session)
    assert (found.every_seconds, found.turns, found.next_at) == (5400, 1, now + MINUTE)
    assert session.get_one(Job, "other").every_seconds == 1
    assert turns.due(session, now=now + SECOND) == {"other"}


@pytest.mark.parametrize(("late", "taken"), [(-TICK, False), (timedelta(0), True), (TICK, True)])
def test_a_dead_holders_lease_runs_out(session: Session, job: Job, now: datetime, late: timedelta, taken: bool) -> None:
    """Another takes over when the lease is over, not before, and the loss is written down; the first changes nothing any more."""
    started(session, now)
    after = now + turns.LEASE + late
    turn = started(session, after, worker="there:1")
    assert (turn == 2) is taken
    if taken:
        assert (row(session).last_error, row(session).worker) == ("WorkerLost", "there:1")
        assert not turns.done(session, "sweep", turn=1, now=after, every=MINUTE)
        turns.renew(session, {"sweep": 1}, now=after + MINUTE)
        assert row(session).lease_until == after + turns.LEASE
        assert turns.done(session, "sweep", turn=2, now=after, every=MINUTE)


def test_a_renewed_lease_lasts(session: Session, job: Job, now: datetime) -> None:
    """A long turn stays with its holder as long as the holder lives."""
    started(session, now)
    later = now + turns.LEASE - SECOND
    turns.renew(session, {"sweep": 1, "gone": 7}, now=later)
    assert started(session, now + turns.LEASE + SECOND, worker="there:1") is None
    assert started(session, later + turns.LEASE, worker="there:1") == 2


def test_the_turns_of_the_dead_are_freed(session: Session, job: Job, now: datetime) -> None:
    """Who knows that a process is dead need not wait for its leases; the living keep theirs."""
    started(session, now)
    turns.free(session, workers=["there:1"])
    assert row(session).worker == "here:1"
    turns.free(session, workers=["here:1"])
    assert (row(session).worker, row(session).lease_until) == (None, None)
    assert started(session, now) == 2
    turns.free(session)
    assert row(session).worker is None


@pytest.mark.parametrize(
    ("every", "waits"),
    [
        (SECOND, [1, 2, 4, 8, 16, 32, 60, 60]),
        (20 * SECOND, [10, 20, 40, 60, 60]),
        (10 * MINUTE, [10, 20, 40, 80, 160, 320, 600, 600]),
    ],
)
def test_failures_wait_longer_each_time(
    session: Session, job: Job, now: datetime, every: timedelta, waits: list[int]
) -> None:
    """From the period or ten seconds up to the period or a minute; the kind of the error stays after a good turn."""
    for number, wait in enumerate(waits, 1):
        turn = started(session, now)
        assert turn == number
        turns.failed(session, "sweep", turn=turn, now=now, every=every, error="OSError")
        found = row(session)
        assert (found.failures, found.last_error, found.last_error_at) == (number, "OSError", now)
        assert found.next_at - now == timedelta(seconds=wait)
        now = found.next_at
    turn = started(session, now) or 0
    turns.done(session, "sweep", turn=turn, now=now, every=every)
    assert (row(session).failures, row(session).last_error) == (0, "OSError")


def test_on_demand(session: Session, job: Job, now: datetime) -> None:
    """Asked for, it is due at once, also while it waits after a failure; the wish is met once; an unknown job is none."""
    turns.failed(session, "sweep", turn=started(session, now) or 0, now=now, every=MINUTE, error="OSError")
    assert turns.due(session, now=now) == set()
    assert turns.request(session, "sweep", actor="pat@example.org", now=now)
    assert (row(session).requested_at, row(session).requested_by) == (now, "pat@example.org")
    assert turns.due(session, now=now, mine=set()) == {"sweep"}
    assert started(session, now) == 2
    assert (row(session).requested_at, row(session).requested_by) == (None, "")
    turns.done(session, "sweep", turn=2, now=now, every=MINUTE)
    assert turns.due(session, now=now) == set()
    assert not turns.request(session, "nothing", actor="pat@example.org", now=now)


def test_asked_for_during_a_turn(session: Session, job: Job, now: datetime) -> None:
    """The present turn may have begun too early to see what the person wants done: another follows at its end."""
    started(session, now)
    turns.request(session, "sweep", actor="pat@example.org", now=now)
    assert started(session, now) is None
    turns.done(session, "sweep", turn=1, now=now, every=MINUTE)
    assert started(session, now) == 2


def test_a_clock_that_was_set_back(session: Session, job: Job, now: datetime) -> None:
    """An hour's jump back stops no job for an hour: times farther off than we ever set them count as past."""
    turns.done(session, "sweep", turn=started(session, now) or 0, now=now, every=MINUTE)
    early = now - timedelta(hours=1)
    assert started(session, early) == 2
    assert started(session, early, worker="there:1") is None
    assert started(session, early - timedelta(hours=1), worker="there:1") == 3


def test_many_try_at_once(database: Database, now: datetime) -> None:
    """Of eight threads that try at the same moment exactly one gets the turn, each time."""
    with database.transaction() as session:
        turns.register(session, {"sweep": MINUTE}, now=now)
    taken: list[int | None] = []

    def attempt(at: datetime, gate: threading.Barrier) -> None:
        gate.wait()
        with database.transaction() as session:
            taken.append(turns.take(session, "sweep", worker=threading.current_thread().name, now=at))

    for number in range(1, 11):
        gate, at = threading.Barrier(8), now + number * MINUTE
        threads = [threading.Thread(target=attempt, args=(at, gate)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(turn for turn in taken if turn is not None) == [number]
        taken.clear()
        with database.transaction() as session:
            turns.done(session, "sweep", turn=number, now=at, every=SECOND)


def test_every_job_says_what_it_does() -> None:
    """Each kind has a sentence of its own for the page."""
    assert len(turns.TITLES) == len(turns.KINDS)
    assert all(kind.title.endswith(".") and kind.every >= SECOND for kind in turns.KINDS)


def test_presence(session: Session, now: datetime) -> None:
    """A process is alive while it says so; silent or stopped it is not; after a month it is forgotten."""
    for name in ("here:1", "here:2", "here:3"):
        presence.arrive(session, name, now=now, version="1.0", all_senders=True)
    presence.seen(session, "here:1", now=now + presence.GONE, all_senders=False)
    presence.leave(session, "here:2", now=now + SECOND)
    session.expire_all()
    states = {
        process.name: presence.alive(process, now=now + presence.GONE + TICK) for process in presence.workers(session)
    }
    assert states == {"here:1": True, "here:2": False, "here:3": False}
    first = presence.workers(session)[0]
    assert (first.name, first.version, first.all_senders, first.stopped_at) == ("here:1", "1.0", False, None)
    presence.arrive(session, "here:1", now=now + presence.KEPT + 3 * SECOND)
    assert [process.name for process in presence.workers(session)] == ["here:1"]
