"""What is given to whom for how long, and when a worker does everything instead."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from sender import places, presence, turns
from sender.places import GRACE, LEAD, PLACING, SETTLED, SILENCE, SLICE, Places, place

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def test_a_slice_is_given_before_the_last_one_ends(now: datetime) -> None:
    """At any second the place that a tick gives lasts until the tick that gives the next one has long been."""
    for key in ("pump-0", "pump-3", "job-prices"):
        given = [place(key, now + number * SECOND) for number in range(60)]
        assert len({one.id for one in given}) in {6, 7}
        assert {(one.until - now).total_seconds() % SLICE for one in given} == {
            (given[0].until - now).total_seconds() % SLICE
        }
        for number, one in enumerate(given):
            left = (one.until - (now + number * SECOND)).total_seconds()
            assert LEAD + GRACE <= left <= LEAD + GRACE + SLICE
    assert place("pump-0", now).id.startswith("pump-0-")


def test_what_is_wanted(session: Session, account: Account, now: datetime) -> None:
    """The share of each sender that is switched on, and the jobs that come round before the slice is over, or are asked for."""
    soon = SECOND * (SLICE + LEAD)
    turns.register(session, {"soon": SECOND, PLACING: SECOND}, now=now + soon)
    turns.register(session, {"later": SECOND, "asked": SECOND}, now=now + soon + SECOND)
    turns.request(session, "asked", actor="pat@example.org", now=now)
    first, second = account.senders
    keys = [one.key for one in places.wanted(session, now=now)]
    assert keys == [f"pump-{one}" for one in sorted((first.id % 16, second.id % 16))] + ["job-asked", "job-soon"]
    second.active = False
    session.flush()
    assert [one.key for one in places.wanted(session, now=now)] == [f"pump-{first.id % 16}", "job-asked", "job-soon"]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(now: datetime) -> Clock:
    """The time that a process sees."""
    return Clock(now)


@pytest.fixture
def mine(session: Session, account: Account, clock: Clock) -> Places:
    """The places of a process that has just arrived, with a job that was placed a moment ago."""
    presence.arrive(session, "here:1", now=clock())
    placed(session, clock())
    return Places("here:1", clock)


def placed(session: Session, now: datetime) -> None:
    """Places were given at `now`."""
    turns.register(session, {PLACING: SECOND}, now=now)
    turn = turns.take(session, PLACING, worker="here:1", now=now)
    if turn is not None:
        turns.done(session, PLACING, turn=turn, now=now, every=SECOND)


def settle(session: Session, mine: Places, clock: Clock) -> None:
    """Look every second until what is given can be relied on."""
    for _ in range(int(SETTLED / SECOND) + 1):
        look(session, mine, clock)
        clock.now += SECOND
    look(session, mine, clock)


def look(session: Session, mine: Places, clock: Clock, *others: str) -> None:
    """A beat of this process, and of others."""
    placed(session, clock())
    for name in ("here:1", *others):
        presence.seen(session, name, now=clock(), all_senders=False)
    session.expire_all()
    mine.look(session, now=clock())


def test_nothing_is_held_back_until_all_is_given(session: Session, mine: Places, clock: Clock) -> None:
    """A process does everything until every slice from before it came is over; then only what it was given."""
    sender = session.query(SendingNumber).first()
    assert sender is not None
    for _ in range(int(SETTLED / SECOND)):
        look(session, mine, clock)
        assert (mine.senders(), mine.jobs()) == (None, None)
        clock.now += SECOND
    look(session, mine, clock)
    assert (mine.senders(), mine.jobs()) == (set(), set())
    mine.give(f"pump-{sender.id % 16}", clock() + SECOND)
    mine.give("job-prices", clock() + 2 * SECOND)
    assert (mine.senders(), mine.jobs()) == ({sender.id}, {"prices"})
    clock.now += SECOND
    assert (mine.senders(), mine.jobs()) == (set(), {"prices"})
    assert mine.held() == {"job-prices"}


def test_silence_means_everything(session: Session, mine: Places, clock: Clock) -> None:
    """When nobody gives any more, every process does everything, until it has gone well again for a while."""
    settle(session, mine, clock)
    assert (mine.senders(), mine.silent) == (set(), False)
    last = clock()
    for after, silent in ((SILENCE, False), (SILENCE + TICK, True)):
        mine.look(session, now=last + after)
        assert (mine.senders() is None, mine.silent) == (silent, silent)
    look(session, mine, clock)
    assert (mine.senders(), mine.silent) == (None, False)
    settle(session, mine, clock)
    assert mine.senders() == set()


@pytest.mark.parametrize("clean", [True, False])
def test_a_lost_worker_means_everything(session: Session, mine: Places, clock: Clock, clean: bool) -> None:
    """What another held is nobody's until its slices are over, whether it stopped or died: so long everyone does everything."""
    presence.arrive(session, "here:2", now=clock())
    for _ in range(int(SETTLED / SECOND) + 2):
        look(session, mine, clock, "here:2")
        clock.now += SECOND
    assert mine.senders() == set()
    if clean:
        presence.leave(session, "here:2", now=clock())
    else:
        clock.now += presence.SILENCE
    look(session, mine, clock)
    assert mine.senders() is None
    settle(session, mine, clock)
    clock.now += presence.SILENCE
    look(session, mine, clock)
    assert mine.senders() == set()
